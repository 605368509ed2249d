// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { output } from "../harness/command.ts";
import { cli, ok, rootfsArgs } from "../harness/cli.ts";
import { VERSION } from "../../src/version.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { program } from "../harness/run.ts";

Deno.test("berth: an id that is none is refused before it is used as a path", async () => {
  await using daemon = await TestDaemon.start();
  const victim = `${daemon.dir}/victim`;
  Deno.mkdirSync(victim);
  Deno.writeTextFileSync(`${victim}.log`, "precious");
  for (const verb of [["run", "-d"], ["run", "--rm"], ["create", "-i"], ["run", "--overlay"]]) {
    const args = [...verb, "--name", "../../victim", ...rootfsArgs(daemon), "--", "true"];
    const { code, stderr } = await cli(daemon, args);
    assert.equal(code, 125, stderr);
    assert.match(stderr, /^berth: invalid id "\.\.\/\.\.\/victim": must be [^\n]+\n$/);
  }
  assert.equal(Deno.readTextFileSync(`${victim}.log`), "precious");
  assert.deepEqual([...Deno.readDirSync(victim)], []);
});

Deno.test("berth kill takes a signal as kill(1) does, and does nothing when it is told nonsense", async () => {
  await using daemon = await TestDaemon.start();
  const script = "trap 'exit 4' TERM; trap 'exit 5' HUP; echo; while :; do sleep 0.05; done";
  const state = (id: string) => daemon.stateOf(id);
  for (const [id, signal, status] of [["a", "-15", 4], ["b", "-HUP", 5]] as const) {
    const run = ["run", "-d", "--name", id, ...rootfsArgs(daemon), "--", "sh", "-c", script];
    await ok(daemon, ...run);
    await until(
      "the traps",
      () => Deno.readTextFileSync(`${daemon.root}/logs/${id}/container.log`) !== "",
    );
    for (
      const args of [
        ["kill", "-99", id],
        ["kill", "--no-such", id],
        ["kill", "-s", "HUP", "-15", id],
        ["kill", id, "no/id"],
        ["rm", "-f", id, "-15"],
      ]
    ) assert.equal((await cli(daemon, args)).code, 125, args.join(" "));
    assert.equal((await state(id)).status, "running");
    assert.equal((await cli(daemon, ["kill", signal, id])).stdout, `${id}\n`);
    await daemon.exitOf(id);
    assert.equal((await state(id)).exitStatus, status);
  }
});

Deno.test("berth: an empty path and an unknown mount option are refused", async () => {
  await using daemon = await TestDaemon.start();
  for (
    const args of [
      ["run", "--rootfs", "", "--", "true"],
      ["run", "--bundle", ""],
      ["run", "--name", "", "--pull", "always", "example.org/nosuch"],
      ["restore", "--path", "", "x"],
      ["checkpoint", "--path", "", "x"],
      ["ps", "--socket", ""],
      ["--socket", "", "ps"],
      ["shim", "state", "--bundle", ""],
      ["run", ...rootfsArgs(daemon), "--cgroup-parent", "", "--", "true"],
      ["run", ...rootfsArgs(daemon), "-v", "/tmp:/mnt:readonly", "--", "true"],
    ]
  ) {
    const { code, stderr } = await cli(daemon, args, { cwd: rootfsDir() });
    assert.equal(code, 125, args.join(" "));
    assert.match(stderr, /^berth: option '[^\n]* is invalid\. [^\n]+\n$/);
  }
});

Deno.test("berth: an empty BERTH_SOCKET is as good as none", async () => {
  await using daemon = TestDaemon.prepare();
  const { code, stderr } = await cli(daemon, ["ps"], { env: { BERTH_SOCKET: "" } });
  // This machine may have a daemon there.
  if (code !== 0) assert.match(stderr, /^berth: no daemon listens on \/run\/berth\/berth\.sock: /);
});

Deno.test("berth: a command of docker's that berth has not says what there is in place of it", async () => {
  await using daemon = TestDaemon.prepare();
  for (
    const [args, message] of [
      [["volume", "ls"], /^berth: unknown command 'volume': there are no named volumes[^\n]+\n$/],
      [["build", "."], /^berth: unknown command 'build': berth builds no images[^\n]+\n$/],
      [["network", "create", "x"], /^berth: unknown command 'create': [^\n]+net\.d[^\n]+\n$/],
      [["container", "ls"], /^berth: unknown command 'ls': [^\n]+: berth ps\n$/],
      [["restrat", "web"], /^berth: unknown command 'restrat'\n\(Did you mean [^\n]*restart/],
    ] as const
  ) {
    const { code, stderr } = await cli(daemon, args);
    assert.equal(code, 125);
    assert.match(stderr, message);
  }
});

Deno.test("berth: -v and --version print the version, and -V as before", async () => {
  await using daemon = TestDaemon.prepare();
  for (const flag of ["-v", "--version", "-V"]) {
    assert.deepEqual(await cli(daemon, [flag]), { code: 0, stdout: `${VERSION}\n`, stderr: "" });
  }
});

Deno.test("berth: help of a verb that is none is an error", async () => {
  await using daemon = TestDaemon.prepare();
  assert.deepEqual(await cli(daemon, ["help", "nosuch"]), {
    code: 125,
    stdout: "",
    stderr: "berth: unknown command 'nosuch'\n",
  });
  const known = await cli(daemon, ["help", "rm"]);
  assert.deepEqual([known.code, known.stderr], [0, ""]);
  assert.match(known.stdout, /^Usage: berth rm /);
});

Deno.test("berth: an argument that is not UTF-8 is refused rather than altered", async () => {
  await using daemon = await TestDaemon.start();
  // `Deno.Command` cannot pass one.
  const script = 'exec "$@" "$(printf "caf\\351")"';
  const run = [...program(), "run", "--rm", ...rootfsArgs(daemon), "--", "echo"];
  const env = { BERTH_SOCKET: daemon.socket };
  const { code, stdout, stderr } = await output(["sh", "-c", script, "sh", ...run], { env });
  assert.equal(stdout, "");
  assert.notEqual(code, 0);
  // Deno's compiled form panics before berth begins.
  if (code !== 125) assert.match(stderr, /panicked|caf/);
  else assert.match(stderr, /^berth: an argument is not UTF-8, [^\n]+\n$/);
  const said = await cli(daemon, ["run", "--rm", ...rootfsArgs(daemon), "--", "echo", "caf\ufffd"]);
  assert.equal(said.stdout, "caf\ufffd\n", "that character itself is one like any other");
});

Deno.test("berth run: a root filesystem whose list of users is a FIFO is refused at once", async () => {
  await using daemon = await TestDaemon.start();
  const rootfs = `${daemon.dir}/rootfs`;
  await new Deno.Command("cp", { args: ["-a", rootfsDir(), rootfs] }).output();
  await new Deno.Command("rm", { args: ["-f", `${rootfs}/etc/passwd`] }).output();
  await new Deno.Command("mkfifo", { args: [`${rootfs}/etc/passwd`] }).output();
  assert.deepEqual(await cli(daemon, ["run", "--rootfs", rootfs, "-u", "1:1", "--", "true"]), {
    code: 125,
    stdout: "",
    stderr:
      "berth: /etc/passwd of the root filesystem is a FIFO, which the runtime would wait for\n",
  });
});
