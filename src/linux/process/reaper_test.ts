// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ENOENT, ESRCH, isErrno } from "../libc/errno.ts";

import { Reaper } from "./reaper.ts";
import { SIGKILL, SIGTERM } from "./signals.ts";
import { spawnProcess } from "./spawn.ts";

// Deno.Command children may be about in a test process, so nothing is stolen unless a test's own
// process does it.
const start = () => Reaper.start({ reapAll: false });

Deno.test("Reaper: an exit is the code, or 128 + the signal", async () => {
  using reaper = start();
  const code = reaper.spawn(["sh", "-c", "exit 7"]);
  const killed = reaper.spawn(["/bin/sleep", "60"]);
  assert.equal(reaper.watchedCount, 2);
  killed.kill(SIGKILL);
  const [first, second] = await Promise.all([code.exited, killed.exited]);
  assert.deepEqual({ ...first, at: "" }, { pid: code.pid, status: 7, at: "" });
  assert.deepEqual({ ...second, at: "" }, { pid: killed.pid, status: 137, signal: 9, at: "" });
  assert.match(first.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(reaper.watchedCount, 0);
});

Deno.test("Reaper: a signal to a process that has been reaped is refused", async () => {
  using reaper = start();
  const child = reaper.spawn(["true"]);
  await child.exited;
  assert.throws(() => child.kill(SIGTERM), (error) => isErrno(error, ESRCH));
});

Deno.test("Reaper: a program that does not exist fails at spawn, by name", () => {
  using reaper = start();
  assert.throws(() => reaper.spawn(["/nowhere/prog"]), (error) => {
    assert.ok(isErrno(error, ENOENT));
    assert.match(error.message, /posix_spawn \/nowhere\/prog: ENOENT/);
    return true;
  });
  assert.throws(
    () => reaper.spawn(["true"], { cwd: "/nowhere" }),
    (error) => isErrno(error, ENOENT) && /true in \/nowhere/.test(error.message),
  );
  assert.equal(reaper.watchedCount, 0);
});

Deno.test("Reaper: of 500 children at once no exit is lost or mixed up", async () => {
  using reaper = start();
  const codes = Array.from({ length: 500 }, (_, index) => index % 256);
  const children = codes.map((code) => reaper.spawn(["sh", "-c", `exit ${code}`]));
  const exits = await Promise.all(children.map((child) => child.exited));
  assert.deepEqual(exits.map((exit) => exit.status), codes);
  assert.deepEqual(exits.map((exit) => exit.pid), children.map((child) => child.pid));
  assert.equal(reaper.watchedCount, 0);
});

Deno.test("Reaper: a process already dead when it is first watched is still told", async () => {
  using reaper = start();
  const pid = spawnProcess(["sh", "-c", "exit 4"]);
  while (!Deno.readTextFileSync(`/proc/${pid}/stat`).includes(") Z "));
  assert.equal((await reaper.watch(pid)).status, 4);
  assert.equal(reaper.watchedCount, 0);
});

Deno.test("Reaper: watching a pid that does not exist says so instead of hanging", async () => {
  using reaper = start();
  // Above the kernel's PID_MAX_LIMIT of 2^22.
  await assert.rejects(reaper.watch(2 ** 22 + 1), (error) => isErrno(error, ESRCH));
  assert.equal(reaper.watchedCount, 0);
});

Deno.test("Reaper: several watchers share an exit", async () => {
  using reaper = start();
  const child = reaper.spawn(["sleep", "60"]);
  const watched = [reaper.watch(child.pid), reaper.watch(child.pid)];
  assert.equal(reaper.watchedCount, 1);
  child.kill(SIGTERM);
  for (const exit of watched) assert.equal((await exit).status, 143);
});

/** Runs a program that starts a stealing sub-reaper in a process of its own. */
async function inOwnProcess(program: string): Promise<string> {
  const code = `import { Reaper } from ${JSON.stringify(import.meta.resolve("./reaper.ts"))};
    import * as fd from ${JSON.stringify(import.meta.resolve("../fd/fd.ts"))};
    ${program}`;
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", code],
    stdin: "null",
  }).output();
  const stderr = new TextDecoder().decode(output.stderr);
  assert.equal(output.code, 0, stderr);
  return new TextDecoder().decode(output.stdout).trim();
}

// Leaves an orphan to the sub-reaper, which ends some time after its fd 3 does; for that: end().
const orphan = (command: string) => `
  const pipe = fd.pipe2(), gate = fd.pipe2();
  const script = ${JSON.stringify(`exec 3<&0; (read end <&3; ${command}) & echo $!`)};
  const parent = reaper.spawn(["sh", "-c", script], { stdin: gate.read, stdout: pipe.write });
  const end = () => fd.close(gate.write);
  fd.close(pipe.write);
  fd.close(gate.read);
  const buffer = new Uint8Array(64);
  const pid = Number(new TextDecoder().decode(buffer.subarray(0, fd.read(pipe.read, buffer))));
  await parent.exited;`;

Deno.test("reaper: an orphan is adopted and its exit is told", async () => {
  const output = await inOwnProcess(`
    using reaper = Reaper.start({ subreaper: true });
    ${orphan("exit 9")}
    const watched = reaper.watch(pid);
    end();
    console.log((await watched).status, reaper.watchedCount);`);
  assert.equal(output, "9 0");
});

// Asks again and again until it holds, or fails after a minute.
const UNTIL = `
  const until = async (holds) => {
    const end = Date.now() + 60_000;
    while (!await holds()) {
      if (Date.now() > end) throw new Error("not within a minute: " + holds);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };`;

Deno.test("reaper: an orphan stays a zombie for as long as is said, and children are reaped meanwhile", async () => {
  const output = await inOwnProcess(`
    import { zombieStatus } from ${JSON.stringify(import.meta.resolve("./process.ts"))};
    ${UNTIL}
    const start = (orphanGraceMs) => Reaper.start({ subreaper: true, orphanGraceMs });
    let pid;
    {
      using reaper = start(600_000);
      pid = await (async () => { ${orphan("exit 9")} end(); return pid; })();
      await until(() => zombieStatus(pid) === 9);
      for (const code of [3, 4]) console.log((await reaper.spawn(["sh", "-c", "exit " + code]).exited).status);
      console.log(zombieStatus(pid));
    }
    using reaper = start(1);
    console.log((await reaper.spawn(["sh", "-c", "exit 5"]).exited).status);
    await until(() => zombieStatus(pid) === undefined);`);
  assert.deepEqual(output.split("\n"), ["3", "4", "9", "5"]);
});

Deno.test("reaper: the last of several orphans stays a zombie for as long as the first, but not for ever", async () => {
  const output = await inOwnProcess(`
    import { zombieStatus } from ${JSON.stringify(import.meta.resolve("./process.ts"))};
    ${UNTIL}
    const gone = (pid) => {
      try { Deno.statSync("/proc/" + pid); return false; } catch { return true; }
    };
    const graceMs = 1500;
    using reaper = Reaper.start({ subreaper: true, orphanGraceMs: graceMs });
    const made = async () => { ${orphan("exit 9")} return { pid, end }; };
    const first = await made(), second = await made();
    first.end();
    await until(() => zombieStatus(first.pid) === 9 || gone(first.pid));
    const seen = performance.now();
    await until(() => performance.now() - seen > graceMs / 2);
    const ended = performance.now();
    second.end();
    await until(() => gone(second.pid));
    // A timer may fire in the millisecond before.
    console.log(performance.now() - ended >= graceMs - 1);
    const third = await made();
    third.end();
    await until(async () => {
      await reaper.spawn(["true"]).exited;
      return gone(third.pid);
    });`);
  assert.equal(output, "true");
});

Deno.test("reaper: bufferUnclaimedExits: an exit that nobody watched is kept for who held it then", async () => {
  const output = await inOwnProcess(`
    using reaper = Reaper.start({ subreaper: true });
    ${UNTIL}
    const gone = (pid) => until(() => {
      try { Deno.statSync("/proc/" + pid); return false; } catch { return true; }
    });
    const said = (watched) => watched.then(({ status }) => console.log(status), ({ code }) => console.log(code));
    const first = reaper.bufferUnclaimedExits();
    const second = reaper.bufferUnclaimedExits();
    first[Symbol.dispose]();
    const before = Date.now();
    ${orphan("exit 5")}
    end();
    await gone(pid);
    const third = reaper.bufferUnclaimedExits();
    await said(second.watch(pid, before));
    // It may be known only after its end; a process that is there now is another one.
    await said(second.watch(pid, Date.now() + 1000));
    for (const other of [first, third]) await said(other.watch(pid, before));
    await said(reaper.watch(pid));
    // Any other failure says nothing of whether it is another one.
    reaper.watch = () => Promise.reject({ code: "EMFILE" });
    await said(second.watch(pid, Date.now() + 1000));`);
  assert.deepEqual(output.split("\n"), ["5", "5", "ESRCH", "ESRCH", "ESRCH", "EMFILE"]);
});

Deno.test("reaper: of 500 children at once a stealing reaper loses none and leaves no zombie", async () => {
  const output = await inOwnProcess(`
    using reaper = Reaper.start({ subreaper: true });
    const children = Array.from({ length: 500 }, (_, i) => reaper.spawn(["sh", "-c", "sh -c 'exit 1' & exit " + i % 256]));
    const exits = await Promise.all(children.map((child) => child.exited));
    const right = exits.filter((exit, i) => exit.status === i % 256 && exit.pid === children[i].pid);
    const deadline = Date.now() + 60_000;
    const mine = () => Deno.readTextFileSync("/proc/self/task/" + Deno.pid + "/children").trim();
    while (mine() !== "" && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    console.log(right.length, JSON.stringify(mine()));`);
  assert.equal(output, '500 ""');
});

Deno.test("reaper: a reaper disposed of lets the process end", async () => {
  assert.equal(await inOwnProcess(`Reaper.start({ subreaper: true })[Symbol.dispose]();`), "");
});
