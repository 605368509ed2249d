// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { countOpenFds } from "../fd/fd_testing.ts";
import { E2BIG, EINVAL, isErrno } from "../libc/errno.ts";
import { memfd, O_RDWR, OwnedFd, preadAll } from "../fd/fd.ts";
import { Reaper } from "./reaper.ts";
import type { SpawnOptions } from "./spawn.ts";

/** What a child writes to stdout and stderr. */
async function outputOf(argv: readonly string[], options: SpawnOptions = {}): Promise<string> {
  using reaper = Reaper.start({ reapAll: false });
  using output = new OwnedFd(memfd("output"));
  await reaper.spawn(argv, { stdout: output.fd, stderr: output.fd, ...options }).exited;
  return new TextDecoder().decode(preadAll(output.fd));
}

Deno.test("spawn: stdio that is not given is /dev/null", async () => {
  using file = new OwnedFd(memfd("seen"));
  using reaper = Reaper.start({ reapAll: false });
  const argv = ["sh", "-c", `readlink /proc/$$/fd/0 /proc/$$/fd/2`];
  await reaper.spawn(argv, { stdout: file.fd }).exited;
  assert.equal(new TextDecoder().decode(preadAll(file.fd)), "/dev/null\n/dev/null\n");
});

Deno.test("spawn: a child has fds 0 to 2 and no other", async () => {
  using _extra = OwnedFd.open("/dev/null", O_RDWR);
  // The last one is the directory that ls itself reads.
  assert.equal(await outputOf(["ls", "/proc/self/fd"]), "0\n1\n2\n3\n");
});

Deno.test("spawn: given fds end at their places, whatever numbers and flags they had", async () => {
  // In a process of its own, for it rearranges its stdio: swapped, equal to the target, CLOEXEC.
  const program = `
    import { Reaper } from ${JSON.stringify(import.meta.resolve("./reaper.ts"))};
    import { lazyLibc } from ${JSON.stringify(import.meta.resolve("../libc/libc.ts"))};
    import * as fd from ${JSON.stringify(import.meta.resolve("../fd/fd.ts"))};
    const libc = lazyLibc({ fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" } });
    using reaper = Reaper.start();
    const report = fd.dup(1, 50);
    const names = ["a", "b", "c"].map((name) => fd.memfd(name));
    const run = async (stdin, stdout, stderr) => {
      names.forEach((from, to) => { fd.dup2(from, to); libc().fcntl(to, 2, 1); });
      const script = "x=$(for n in 0 1 2; do readlink /proc/$$/fd/$n; done); echo \\"$x\\" > /proc/" + Deno.pid + "/fd/" + report;
      await reaper.spawn(["sh", "-c", script], { stdin, stdout, stderr }).exited;
    };
    await run(0, 1, 2);
    await run(2, 0, 1);
    await run(1, 1, 0);
    await run(names[2], undefined, 0);`;
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", program],
    stdin: "null",
  }).output();
  const seen = new TextDecoder().decode(output.stdout)
    .replaceAll(/\/memfd:(.) \(deleted\)\n/g, "$1").replaceAll("/dev/null\n", "-");
  assert.equal(seen, "abc" + "cab" + "bba" + "c-a", new TextDecoder().decode(output.stderr));
});

Deno.test("spawn: a child starts with default signal handling and nothing blocked", async () => {
  const status = await outputOf(["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"]);
  assert.deepEqual(status.match(/[0-9a-f]{16}/g), ["0000000000000000", "0000000000000000"]);
});

Deno.test("spawn: directory, environment and session are as asked for", async () => {
  assert.equal(await outputOf(["pwd"], { cwd: "/proc" }), "/proc\n");
  assert.equal(await outputOf(["env"], { env: { A: "1", B: "x=ü y" } }), "A=1\nB=x=ü y\n");
  const leads = ["sh", "-c", `cut -d' ' -f6 /proc/$$/stat; echo $$`];
  const [session, pid] = (await outputOf(leads, { setsid: true })).split("\n");
  assert.equal(session, pid);
  const [inherited, other] = (await outputOf(leads)).split("\n");
  assert.notEqual(inherited, other);
});

Deno.test("spawn: the environment is inherited when none is given", async () => {
  assert.equal(await outputOf(["sh", "-c", "echo $PATH"]), `${Deno.env.get("PATH")}\n`);
});

Deno.test("spawn: what the kernel would refuse or cut short is an error, and leaks no fd", () => {
  using reaper = Reaper.start({ reapAll: false });
  const before = countOpenFds();
  assert.throws(() => reaper.spawn([]), (error) => isErrno(error, EINVAL));
  assert.throws(() => reaper.spawn(["echo", "a\0b"]), (error) => isErrno(error, EINVAL));
  const huge = "x".repeat(4 << 20);
  assert.throws(() => reaper.spawn(["echo", huge], { stdin: 2, stdout: 0 }), (error) => {
    return isErrno(error, E2BIG);
  });
  assert.equal(countOpenFds(), before);
});
