// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { SmallDisk } from "../harness/small_disk.ts";
import { readExitRecord } from "../../src/oci/exit_record.ts";
import { BerthError, ResourceExhaustedError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import { FROM_SOURCE } from "../harness/run.ts";
import { hasTrap, listProcesses, readProcess } from "../harness/processes.ts";

/** How many fds are left at most; no operation needs as many at once. */
const MOST = 12;

/** Lets a process open `free` more files and no other. */
async function leaveFree(pid: number, free: number): Promise<void> {
  const used = new Set(Array.from(Deno.readDirSync(`/proc/${pid}/fd`), ({ name }) => Number(name)));
  let limit = 0;
  for (let left = free; left > 0 || used.has(limit); limit++) if (!used.has(limit)) left--;
  await setSoftLimit(pid, String(limit));
}

/** Lets a process open as many files as it wants. A shim that could not serve was ended. */
async function leaveAll(pid: number): Promise<void> {
  // It may end at any time.
  await until("its limit is raised, or it has ended", async () => {
    if (readProcess(pid) === undefined) return true;
    const limits = tryRead(`/proc/${pid}/limits`);
    const [, hard = ""] = /^Max open files\s+\S+\s+(\S+)/m.exec(limits) ?? [];
    return await trySetSoftLimit(pid, hard) || undefined;
  });
}

function tryRead(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // The process has ended.
    return "";
  }
}

async function setSoftLimit(pid: number, soft: string): Promise<void> {
  assert.ok(await trySetSoftLimit(pid, soft));
}

async function trySetSoftLimit(pid: number, soft: string): Promise<boolean> {
  const args = [`--pid=${pid}`, `--nofile=${soft}:`];
  return (await new Deno.Command("prlimit", { args }).output()).success;
}

/** The shim that waits for a container. */
function idleShim(daemon: TestDaemon): Promise<number> {
  return until("a shim that waits", () => {
    const socket = `${daemon.state}/shims.sock`;
    const shims = listProcesses().filter(({ command }) => command.includes(socket));
    return shims.length === 1 ? shims[0]?.pid : undefined;
  });
}

// For the stack of an error in a TypeScript file Deno opens what it has made of that file, and where
// that cannot be opened it makes it again, for which it needs a descriptor, and panics.
Deno.test({
  name: "shim limits: a shim without fds refuses or succeeds, and the state says which" +
    (FROM_SOURCE ? " (not from sources)" : ""),
  ignore: FROM_SOURCE,
  fn: async () => {
    await using daemon = await TestDaemon.start({ config: "[shim]\nwarm = 1\nkeep = 1\n" });
    const { client } = daemon;
    const audit = await LeakAudit.warm(daemon);
    const failed = new Set<string>();
    for (let free = 0; free <= MOST; free++) {
      const id = `c${free}`;
      let shim = await idleShim(daemon);
      const status = async () => {
        const { containers } = await client.call("container.list", { ids: [id] });
        return containers[0]?.status ?? "none";
      };
      const step = async (
        name: string,
        call: () => Promise<unknown>,
        was: string,
        becomes: string,
      ) => {
        const what = `${name} with ${free} fds`;
        await leaveFree(shim, free);
        const [result] = await Promise.allSettled([call()]);
        await leaveAll(shim);
        assert.equal(await status(), result?.status === "fulfilled" ? becomes : was, what);
        if (result?.status === "fulfilled") return;
        const { reason } = result ?? {};
        assert.ok(reason instanceof ResourceExhaustedError, `${what}: ${reason}`);
        failed.add(name);
        await call();
        assert.equal(await status(), becomes, what);
      };
      using events = await EventCollector.subscribe(daemon.socket, { ids: [id] });
      const spec = daemon.spec(["sleep", "1000"]);
      await step("create", () => client.call("container.create", { id, spec }), "none", "created");
      shim = (await daemon.stateOf(id)).shimPid;
      await step("start", () => client.call("container.start", { id }), "created", "running");
      await step("pause", () => client.call("container.pause", { id }), "running", "paused");
      await step("resume", () => client.call("container.resume", { id }), "paused", "running");
      const exec = { id, execId: "e", process: { args: ["sh", "-c", "exit 4"] } };
      await step("exec", () => client.call("container.exec", exec), "running", "running");
      const { exitStatus } = await daemon.exitOf(id, "e");
      assert.equal(exitStatus, 4);
      await client.call("container.kill", { id, signal: 9 });
      await daemon.exitOf(id);
      await step("delete", () => client.call("container.delete", { id }), "stopped", "none");
      await events.wait({ type: "delete" });
      assert.equal(
        events.types(id),
        "create start paused resumed exec-added:e exec-started:e exit:e exit delete",
        `with ${free} fds`,
      );
    }
    // Or the test has shown nothing.
    for (const name of ["create", "exec", "delete"]) assert.ok(failed.has(name), name);
    await audit.assertClean();
  },
});

/** Runs a container and an exec, which exit with 9 once the function returned for each is called. */
async function runUntil(
  daemon: TestDaemon,
  id: string,
): Promise<{ endInit: () => void; endExec: () => void }> {
  const args = ["sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.05; done"];
  const { client } = daemon;
  const pid = await daemon.run(id, args);
  const exec = await client.call("container.exec", { id, execId: "e", process: { args } });
  for (const each of [pid, exec.pid]) {
    await until("its trap is set", () => hasTrap(each, 15) || undefined);
  }
  return {
    endInit: () => Deno.kill(pid, "SIGTERM"),
    endExec: () => Deno.kill(exec.pid, "SIGTERM"),
  };
}

Deno.test("shim limits: exits without a free fd are recorded and published with their true status", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const { endInit, endExec } = await runUntil(daemon, "c");
  const { shimPid, instance, bundle } = await daemon.stateOf("c");
  await leaveFree(shimPid, 0);
  endExec();
  const exec = await daemon.exitOf("c", "e");
  assert.equal(exec.exitStatus, 9);
  // After the exec's: the kernel kills that when init has exited.
  endInit();
  assert.equal((await daemon.exitOf("c")).exitStatus, 9);
  assert.equal(readExitRecord(`${bundle}/exit.json`, instance)?.exitStatus, 9);
  await leaveAll(shimPid);
  assert.equal((await client.call("container.delete", { id: "c" })).exitStatus, 9);
});

Deno.test("shim limits: an exit on a full disk is known also when the shim is killed after it", async () => {
  await using daemon = TestDaemon.prepare();
  // It goes with the daemon's directory.
  const disk = new SmallDisk(daemon.state, "size=1m");
  await daemon.start();
  const { client } = daemon;
  const { endInit } = await runUntil(daemon, "c");
  const { shimPid, instance, bundle } = await daemon.stateOf("c");
  // What a start leaves to be done after its answer may give back a page.
  for (let tries = 1;; tries++) {
    disk.fill();
    const exec = { id: "c", execId: `f${tries}`, process: { args: ["true"] } };
    const error = await client.call("container.exec", exec).then(() => undefined, (error) => error);
    if (error instanceof ResourceExhaustedError) break;
    assert.ok(error === undefined && tries < 10, String(error));
  }
  endInit();
  await until(
    "the exit is recorded",
    () => readExitRecord(`${bundle}/exit.json`, instance)?.exitStatus === 9 || undefined,
  );
  Deno.kill(shimPid, "SIGKILL");
  disk.empty();
  using events = await EventCollector.subscribe(daemon.socket, { after: 0, ids: ["c"] });
  await daemon.remove("c").catch((error) => {
    // The daemon removes it by itself.
    if (!(error instanceof BerthError)) throw error;
  });
  await events.wait({ type: "delete" });
  const exits = events.matching({ type: "exit", execId: undefined });
  assert.deepEqual(exits.map(({ exitStatus }) => exitStatus), [9]);
});
