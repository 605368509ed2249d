// SPDX-License-Identifier: MIT
//
// Processes that wait to be shims of containerd, where something goes wrong at each of their steps.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { until } from "../harness/poll.ts";
import { hasEnded, killIfThere } from "../harness/processes.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { FROM_SOURCE } from "../harness/run.ts";
import { addressIn } from "../harness/containerd/shim_program.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import { SHELLS, start, startByShell } from "./waiting_testing.ts";

/** With each shell, a containerd with a process that waits, whose failpoints can be armed. */
async function forEachShell(
  use: (containerd: StubContainerd, points: FailpointFile, waiting: number) => Promise<void>,
): Promise<void> {
  for (const shell of SHELLS) {
    using points = new FailpointFile();
    await using containerd = new StubContainerd({ waiting: true, shell, env: points.env });
    await start(containerd, "first");
    await use(containerd, points, await containerd.waits());
  }
}

const armed = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name: `containerd waiting: ${name}`, ignore: NO_FAILPOINTS, fn });

armed("one that dies or hangs before it takes a start costs a start of berth", async () => {
  await forEachShell(async (containerd, points, waiting) => {
    let last = waiting;
    for (const [index, action] of ["crash", "stop"].entries()) {
      points.arm(`waiting.asked=${action}`);
      await start(containerd, action);
      points.disarm();
      assert.ok(hasEnded(last));
      last = await containerd.waits(last);
      await containerd.shims(2 + index);
    }
  });
});

armed("one that dies when it has taken a start fails that, and no other", async () => {
  await forEachShell(async (containerd, points, waiting) => {
    let last = waiting;
    for (const point of ["waiting.said", "waiting.stays"]) {
      points.arm(`${point}=crash`);
      const id = point.replace("waiting.", "");
      containerd.makeBundle(id, ["true"]);
      const said = await containerd.call(id, "start", containerd.params(id));
      points.disarm();
      assert.deepEqual([said.code, said.stdout.length], [1, 0]);
      assert.match(said.stderr, /the shim has ended before it could be reached/);
      assert.ok(hasEnded(last));
      // As containerd does where a start has failed.
      assert.equal((await containerd.delete(id)).exit_status, 137);
      await start(containerd, `${id}-next`);
      last = await containerd.waits(last);
    }
    await containerd.shims(3);
  });
});

armed("one that dies when it has answered leaves nothing", async () => {
  await forEachShell(async (containerd, points, waiting) => {
    points.arm("waiting.answered=crash");
    containerd.makeBundle("c", ["true"]);
    const said = await containerd.call("c", "start", containerd.params("c"));
    assert.deepEqual([said.code, said.stderr], [0, ""]);
    await until("its end", () => hasEnded(waiting));
    points.disarm();
    assert.ok(existsSync(addressIn(said.stdout)));
    assert.equal((await containerd.delete("c")).exit_status, 137);
    assert.ok(!existsSync(addressIn(said.stdout)));
    await start(containerd, "next");
    await containerd.waits(waiting);
    const left = () => [...Deno.readDirSync(containerd.waitingDir)].map(({ name }) => name);
    await until("nothing but the slot", () => left().length === 1);
    assert.equal(containerd.slots().length, 1);
  });
});

armed("a signal when it has answered does not take the container along", async () => {
  using points = new FailpointFile();
  await using containerd = new StubContainerd({ waiting: true, env: points.env });
  await start(containerd, "first");
  const shim = await containerd.waits();
  points.arm("waiting.answered=delay:600000");
  using client = await containerd.create("c", ["sleep", "1000"]);
  const { pid } = await client.start();
  Deno.kill(shim, "SIGTERM");
  // Whatever the signal does is done when the next call is answered.
  assert.equal((await client.state()).pid, pid);
  assert.ok(!hasEnded(pid));
  await client.kill(9);
  assert.equal((await client.wait()).exit_status, 137);
  await client.delete();
  killIfThere(shim);
});

armed("one killed while it rehearses leaves a directory, which the next removes", async () => {
  using points = new FailpointFile();
  await using containerd = new StubContainerd({ waiting: true, env: points.env });
  points.arm("waiting.rehearsed=crash");
  await start(containerd, "first");
  await until("what it leaves", () =>
    existsSync(containerd.waitingDir) &&
    [...Deno.readDirSync(containerd.waitingDir)].some(({ name }) => name.startsWith(".")));
  await until("its end", () => containerd.waitingPids().length === 0);
  points.disarm();
  await start(containerd, "second");
  await containerd.waits();
  const left = () => [...Deno.readDirSync(containerd.waitingDir)].map(({ name }) => name);
  await until("nothing but the slot", () => left().length === 1);
});

Deno.test({
  name: "containerd waiting: one of a program that was replaced is not used",
  // The built file unpacks another program.
  ignore: NO_FAILPOINTS,
  fn: async () => {
    await using containerd = new StubContainerd({ waiting: true });
    const program = `${containerd.dir}/bin/deno`;
    link(Deno.execPath(), program);
    const text = Deno.readTextFileSync(containerd.shim);
    Deno.writeTextFileSync(
      containerd.shim,
      text.replaceAll(`'${Deno.execPath()}'`, `'${program}'`),
    );
    await start(containerd, "first");
    const old = await containerd.waits();
    assert.equal(Deno.readLinkSync(`/proc/${old}/exe`), program);
    // As an upgrade does.
    link(Deno.execPath(), `${program}.new`);
    Deno.renameSync(`${program}.new`, program);
    await start(containerd, "second");
    await until("its end", () => hasEnded(old));
    const next = await containerd.waits(old);
    await start(containerd, "third");
    assert.ok(containerd.shimPids().includes(next));
  },
});

/** Gives a file another name, of another inode where the directory is elsewhere. */
function link(from: string, to: string): void {
  const copied = new Deno.Command("cp", { args: ["--reflink=auto", from, to] }).outputSync();
  assert.ok(copied.success);
}

Deno.test("containerd waiting: many starts at a time all have their shims, and few processes wait", async () => {
  for (const shell of SHELLS) {
    await using containerd = new StubContainerd({ waiting: true, shell });
    await start(containerd, "first");
    await containerd.waits();
    const ids = Array.from({ length: 8 }, (_, index) => `c${index}`);
    const addresses = await Promise.all(ids.map((id) => start(containerd, id)));
    assert.equal(new Set(addresses).size, ids.length);
    await containerd.waits();
    await until("at most two that wait", () => containerd.waitingPids().length <= 2);
    await containerd.shims(1 + ids.length);
  }
});

Deno.test("containerd waiting: each of two containerds with one directory has its own process", async () => {
  await using one = new StubContainerd({ waiting: true });
  await using other = new StubContainerd({ env: { BERTH_SHIM_DIR: one.waitingDir } });
  await start(one, "first");
  const own = await one.waits();
  const caller = startByShell(other);
  const theirs = await one.waits(own);
  assert.deepEqual(one.waitingPids().toSorted(), [own, theirs].toSorted());
  await start(one, "second");
  assert.ok(one.shimPids().includes(own));
  assert.ok(!hasEnded(theirs));
  await caller.end();
  await until("its end with its containerd", () => hasEnded(theirs));
  await one.waits(own);
  killIfThere(...one.waitingPids());
});

Deno.test("containerd waiting: a process is a shim so often and no more, and stays small", async () => {
  await using containerd = new StubContainerd({ waiting: true });
  await start(containerd, "first");
  await containerd.waits();
  const lives = new Map<number, number>();
  const sizes = new Map<number, number>();
  const most = () => Math.max(0, ...lives.values());
  for (let count = 0; most() < 32; count++) {
    const id = `c${count}`;
    containerd.makeBundle(id, ["true"]);
    const before = containerd.waitingPids();
    using client = await containerd.start(id);
    const shim = containerd.shimPids().find((pid) => before.includes(pid));
    if (shim !== undefined) {
      lives.set(shim, (lives.get(shim) ?? 0) + 1);
      sizes.set(shim, anonymous(shim));
    }
    await client.shutdown();
    const isBack = () =>
      shim === undefined || hasEnded(shim) || containerd.waitingPids().includes(shim);
    await until("a process that waits", () => isBack() && containerd.slots().length > 0);
  }
  const [used = 0] = [...lives].find(([, count]) => count === 32) ?? [];
  // Else it waits by now, and would end when nothing has come for a while.
  assert.ok(hasEnded(used));
  // The sources take 6 MB more than what ships.
  assert.ok((sizes.get(used) ?? 0) < (FROM_SOURCE ? 28e6 : 20e6), `${sizes.get(used)} bytes`);
});

/** Anonymous memory of a process in bytes (proc_pid_smaps(5)). */
function anonymous(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  return 1024 * Number(/^Anonymous: +(\d+) kB$/m.exec(text)?.[1]);
}
