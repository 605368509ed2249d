// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { UnavailableError } from "../../src/rpc/errors.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import {
  killIfThere,
  openFiles,
  processesOf,
  processStatus,
  readProcess,
} from "../harness/processes.ts";
import { baseName } from "../harness/run.ts";

/** The live shims of a daemon, which may be dead itself. */
function shims(daemon: TestDaemon): number[] {
  return processesOf(baseName(daemon.dir))
    .filter(({ command, state }) => command.includes(" shim serve ") && state !== "Z")
    .map(({ pid }) => pid);
}

/** So that it says how many shims wait: a process may have yet to get that far. */
const METRICS = '[metrics]\naddress = "127.0.0.1:0"';

/** Waits until one shim waits for a container, and the daemon knows. */
async function untilOneWaits(daemon: TestDaemon): Promise<void> {
  const where = await until(
    "the address of the metrics",
    () => /metrics at (http:\S+)\n/.exec(daemon.log)?.[1],
  );
  await until("one idle shim", async () => {
    const text = await (await fetch(where)).text();
    return /^berth_shims\{state="idle"\} 1$/m.test(text);
  });
}

async function untilShims(daemon: TestDaemon, count: number): Promise<number[]> {
  return await until(`${count} shims`, () => {
    const found = shims(daemon);
    return found.length === count && found;
  });
}

async function shimOf(daemon: TestDaemon, id: string): Promise<number> {
  return (await daemon.stateOf(id)).shimPid;
}

/**
 * Anonymous memory of these processes in bytes (RssAnon of proc_pid_status(5)): none of a shim that has
 * waited so long for the next container that it has ended.
 */
function memory(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const [, kib = "0"] = /^RssAnon:\s+(\d+) kB$/m.exec(processStatus(pid)) ?? [];
    return sum + Number(kib) * 1024;
  }, 0);
}

Deno.test("shim pool: a container gets the shim that waits, and another is started behind it", async () => {
  await using daemon = await TestDaemon.start({ config: METRICS });
  await untilOneWaits(daemon);
  const [warm] = await untilShims(daemon, 1);
  await daemon.run("first", ["sleep", "1000"]);
  assert.equal(await shimOf(daemon, "first"), warm);
  await untilOneWaits(daemon);
  const both = await untilShims(daemon, 2);
  await daemon.run("second", ["sleep", "1000"]);
  const second = await shimOf(daemon, "second");
  assert.notEqual(second, warm);
  assert.ok(both.includes(second));
  await untilShims(daemon, 3);
});

Deno.test("shim pool: shims that serve nothing die with their daemon, the others do not", async () => {
  await using daemon = await TestDaemon.start({ config: "[shim]\nwarm = 3" });
  await untilShims(daemon, 3);
  await daemon.run("stays", ["sleep", "1000"]);
  // One that has served before, and waits again, is no different.
  await daemon.life("gone");
  const serving = await shimOf(daemon, "stays");
  await daemon.kill9();
  assert.deepEqual(await untilShims(daemon, 1), [serving]);
  await daemon.start();
  await untilShims(daemon, 4);
  // A container from before the restart ends, and its shim, which knows no daemon, with it.
  await daemon.remove("stays");
  assert.equal((await untilShims(daemon, 3)).includes(serving), false);
  assert.equal((await daemon.stop()).code, 0);
  await untilShims(daemon, 0);
});

Deno.test("shim pool: a shim serves one container after the other and keeps nothing of them", async () => {
  await using daemon = await TestDaemon.start();
  const used: number[] = [];
  const live = async () => {
    const id = `c${used.length}`;
    await daemon.run(id, ["true"]);
    used.push(await shimOf(daemon, id));
    const exec = { id, execId: "none", process: { args: ["true"] } };
    // It fails or not, depending on who is faster; either way nothing of it may stay.
    await daemon.client.call("container.exec", exec).catch(() => {});
    await daemon.exitOf(id);
    await daemon.client.call("container.delete", { id });
  };
  for (let life = 0; life < 10; life++) await live();
  const pids = [...new Set(used)];
  const before = { files: files(pids), memory: memory(pids) };
  for (let life = 0; life < 20; life++) await live();
  assert.ok(new Set(used).size <= 3, `30 lives took the shims ${[...new Set(used)]}`);
  // One of them may open something for the first time only now; 20 times would be another thing.
  await until("the shims to hold no more open than before", () => files(pids) < before.files + 10);
  const grown = memory(pids) - before.memory;
  assert.ok(grown < 12 * 1024 * 1024, `${grown} bytes more in the shims after 20 lives`);
});

/** How many descriptors these processes have in all. */
function files(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + openFiles(pid).length, 0);
}

Deno.test("shim pool: without warm shims each container starts its own, and it ends with it", async () => {
  await using daemon = await TestDaemon.start({ config: COLD });
  assert.equal(await daemon.life("first"), 0);
  await untilShims(daemon, 0);
  const audit = LeakAudit.take(daemon);
  const starting = [1, 2, 3, 4].map((n) => daemon.run(`together-${n}`, ["sleep", "1000"]));
  await Promise.all(starting);
  await untilShims(daemon, 4);
  for (const n of [1, 2, 3, 4]) {
    await daemon.remove(`together-${n}`);
  }
  await untilShims(daemon, 0);
  await audit.assertClean();
});

Deno.test("shim pool: a waiting shim that is killed is replaced before it is needed", async () => {
  await using daemon = await TestDaemon.start({ config: METRICS });
  for (let round = 0; round < 2; round++) {
    await untilOneWaits(daemon);
    const [waiting = 0] = await untilShims(daemon, 1);
    // One that dies right after its start is not: it might be started and die forever.
    await until("the shim to have lived for a while", () => age(waiting) > 2);
    Deno.kill(waiting, "SIGKILL");
    await until("another shim", () => {
      const [now] = shims(daemon);
      return now !== undefined && now !== waiting;
    });
  }
  assert.equal(await daemon.life("after"), 0);
});

/** Seconds since a process was started; /proc counts in hundredths on every Linux (times(2)). */
function age(pid: number): number {
  const uptime = Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]);
  const process = readProcess(pid);
  assert.ok(process, `process ${pid} is gone`);
  return uptime - process.startTime / 100;
}

Deno.test("shim pool: a shim that cannot start fails the create, and leaves nothing", async () => {
  await using daemon = await TestDaemon.start({ config: COLD });
  const { client } = daemon;
  assert.equal(await daemon.life("warm-up"), 0);
  await untilShims(daemon, 0);
  const audit = LeakAudit.take(daemon);
  {
    using events = await EventCollector.subscribe(daemon.socket);
    // Where a shim says that it is there.
    const control = `${daemon.state}/shims.sock`;
    await Deno.rename(control, `${control}.away`);
    const creates = [1, 2, 3].map((n) =>
      client.call("container.create", { id: `no-${n}`, spec: daemon.spec(["true"]) })
    );
    for (const result of await Promise.allSettled(creates)) {
      assert.equal(result.status, "rejected");
      assert.ok(result.reason instanceof UnavailableError, String(result.reason));
      assert.match(result.reason.message, /shims\.log/);
    }
    await Deno.rename(`${control}.away`, control);
    assert.equal(await daemon.life("no-1"), 0);
    await events.wait({ type: "delete", id: "no-1" });
    assert.equal(events.types(), "create start exit delete");
  }
  await audit.assertClean();
});

Deno.test("shim pool: a shim that is killed while it is given a container fails that create at most", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  // The daemon may or may not have seen their end when it hands one out.
  killIfThere(...shims(daemon));
  const result = await daemon.life("unlucky").catch((error) => {
    assert.ok(error instanceof UnavailableError, String(error));
    return "unavailable";
  });
  assert.ok(result === 0 || result === "unavailable");
  assert.equal(await daemon.life("unlucky"), 0);
  await audit.assertClean();
});
