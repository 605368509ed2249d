// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import {
  DeadlineExceededError,
  FailedPreconditionError,
  NotFoundError,
  UnavailableError,
} from "../../src/rpc/errors.ts";
import { Server } from "../../src/rpc/transport/server.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { FifoReader, FifoWriter, makeFifo } from "../harness/io/fifo.ts";
import { assertHistory } from "../harness/history.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { namesIn } from "../harness/leaks/traces.ts";
import { until, within } from "../harness/poll.ts";
import { processesOf, readProcess } from "../harness/processes.ts";
import { baseName, runDir } from "../harness/run.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

/** Waits until a daemon that has just started has heard of a container's execs by its shim. */
async function execsKnown(daemon: TestDaemon, id: string): Promise<void> {
  await daemon.untilState(id, ({ processes }) => processes.length > 0);
}

Deno.test("restart: containers and execs in every state come back as they were, and go on", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  const fifos = { stdin: makeFifo(daemon.dir), stdout: makeFifo(daemon.dir) };
  const output = `file://${daemon.dir}/running.log`;
  {
    using before = await EventCollector.subscribe(daemon.socket);
    const create = (id: string, args: string[], stdio = {}) =>
      daemon.client.call("container.create", {
        id,
        spec: daemon.spec(args),
        labels: { of: id, number: "1" },
        ...stdio,
      });
    const start = (id: string) => daemon.client.call("container.start", { id });
    const exec = (id: string, execId: string, script: string) =>
      daemon.client.call("container.exec", {
        id,
        execId,
        process: { args: ["sh", "-c", script] },
      });
    await create("created", ["sh", "-c", "exit 4"]);
    await create("running", ["sh", "-c", "echo begun; exec cat"], {
      stdin: fifos.stdin,
      stdout: fifos.stdout,
      stderr: output,
    });
    await create("paused", ["sleep", "1000"]);
    await create("stopped", ["sh", "-c", "exit 9"]);
    await using reader = new FifoReader(fifos.stdout);
    await using writer = new FifoWriter(fifos.stdin);
    for (const id of ["running", "paused", "stopped"]) await start(id);
    await exec("running", "alive", "exec sleep 1000");
    await exec("running", "over", "exit 5");
    await daemon.exitOf("running", "over");
    await daemon.client.call("container.pause", { id: "paused" });
    await daemon.exitOf("stopped");
    await before.wait({ type: "exit", id: "stopped" });
    const ids = ["created", "running", "paused", "stopped"];
    const told = await Promise.all(ids.map((id) => daemon.stateOf(id)));
    assert.deepEqual(told.map(({ status }) => status), ids);

    await daemon.restart();
    for (const id of ids) await daemon.connected(id);
    await execsKnown(daemon, "running");

    assert.deepEqual(await Promise.all(ids.map((id) => daemon.stateOf(id))), told);
    const { containers } = await daemon.client.call("container.list", {});
    assert.deepEqual(containers.map(({ id }) => id).sort(), ids.toSorted());

    const last = before.events.at(-1)?.seq ?? 0;
    using after = await EventCollector.subscribe(daemon.socket, { after: last });
    assert.equal(after.subscription.gap, false);
    const { client } = daemon;
    await start("created");
    assert.equal((await daemon.exitOf("created")).exitStatus, 4);
    assert.deepEqual(
      await daemon.exitOf("stopped"),
      { exitStatus: 9, exitedAt: told[3]?.exitedAt },
    );
    const over = await daemon.exitOf("running", "over");
    assert.equal(over.exitStatus, 5);
    const alive = daemon.exitOf("running", "alive");
    await client.call("container.kill", { id: "running", execId: "alive", signal: "TERM" });
    assert.equal((await alive).exitStatus, 143);
    await exec("running", "later", "exit 6");
    const later = await daemon.exitOf("running", "later");
    assert.equal(later.exitStatus, 6);
    for (const execId of ["over", "alive", "later"]) {
      await client.call("container.deleteProcess", { id: "running", execId });
    }
    await writer.write("still there\n");
    await writer.close();
    await client.call("container.closeStdin", { id: "running" });
    assert.equal((await daemon.exitOf("running")).exitStatus, 0);
    assert.equal(await reader.text(), "begun\nstill there\n");
    await client.call("container.resume", { id: "paused" });
    await client.call("container.pause", { id: "paused" });
    await client.call("container.kill", { id: "paused", signal: 9 });
    assert.equal((await daemon.exitOf("paused")).exitStatus, 137);
    for (const [index, status] of [4, 0, 137, 9].entries()) {
      const id = ids[index] ?? "";
      assert.equal((await client.call("container.delete", { id })).exitStatus, status, id);
      await after.wait({ type: "delete", id });
    }
    assertHistory([...before.events, ...after.events]);
  }
  for (const path of [fifos.stdin, fifos.stdout, output.slice("file://".length)]) {
    await Deno.remove(path);
  }
  await audit.assertClean();
});

Deno.test("restart: what happens while no daemon runs is told by the next one, and waited for", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  {
    using before = await EventCollector.subscribe(daemon.socket);
    const gate = makeFifo(daemon.dir);
    await daemon.client.call("container.create", {
      id: "gone",
      spec: daemon.spec(["sh", "-c", "read line; exit 23"]),
      stdin: gate,
    });
    const { pid } = await daemon.client.call("container.start", { id: "gone" });
    await daemon.client.call("container.exec", {
      id: "gone",
      execId: "inner",
      process: { args: ["sleep", "1000"] },
    });
    await before.wait({ type: "exec-started" });
    const waiting = daemon.exitOf("gone");
    const refused = assert.rejects(waiting, UnavailableError);
    await daemon.kill9();
    await refused;

    const begun = Date.now();
    await Deno.writeTextFile(gate, "go\n");
    await until("the end of init", () => {
      return processesOf(baseName(daemon.dir)).every((process) => process.pid !== pid);
    });
    // Its shim has reaped it, and now takes the time.
    await until("the record of it", () => existsSync(`${daemon.state}/linux/gone/exit.json`));
    const ended = Date.now();
    await Deno.remove(gate);
    await daemon.start();

    const last = before.events.at(-1)?.seq ?? 0;
    using after = await EventCollector.subscribe(daemon.socket, { after: last });
    assert.equal(after.subscription.gap, false);
    const { exitStatus, exitedAt } = await daemon.exitOf("gone");
    assert.equal(exitStatus, 23);
    assert.ok(Date.parse(exitedAt) >= begun - 1 && Date.parse(exitedAt) <= ended + 1, exitedAt);
    await execsKnown(daemon, "gone");
    await daemon.connected("gone");
    const state = await daemon.stateOf("gone");
    assert.equal(state.status, "stopped");
    assert.equal(state.pid, pid);
    assert.deepEqual(state.processes.map(({ execId, exitStatus }) => [execId, exitStatus]), [
      ["inner", 137],
    ]);
    const exit = await after.wait({ type: "exit", id: "gone", pid });
    assert.equal(exit.exitStatus, 23);
    assert.equal(exit.synthetic, undefined);
    await daemon.client.call("container.delete", { id: "gone" });
    await after.wait({ type: "delete", id: "gone" });
    assertHistory([...before.events, ...after.events]);
  }
  await audit.assertClean();
});

Deno.test("restart: killed again and again, the daemon loses no event and tells none twice", async () => {
  await using daemon = await TestDaemon.start();
  const seen: EventCollector["events"] = [];
  for (let round = 0; round < 6; round++) {
    using events = await EventCollector.subscribe(daemon.socket, { after: seen.at(-1)?.seq ?? 0 });
    assert.equal(events.subscription.gap, false);
    const started = await daemon.run(`c${round}`, ["sh", "-c", `exit ${round}`]);
    assert.ok(started > 0);
    if (round > 0) {
      const { exitStatus } = await daemon.client.call("container.delete", { id: `c${round - 1}` });
      assert.equal(exitStatus, round - 1);
    }
    // With the exit not yet told, just told, or told and acknowledged: all at the mercy of time.
    await daemon.kill9();
    seen.push(...events.events);
    await daemon.start();
    await daemon.exitOf(`c${round}`);
    await daemon.connected(`c${round}`);
  }
  using rest = await EventCollector.subscribe(daemon.socket, { after: seen.at(-1)?.seq ?? 0 });
  await daemon.client.call("container.delete", { id: "c5" });
  await rest.wait({ type: "delete", id: "c5" });
  seen.push(...rest.events);
  assertHistory(seen);
  using all = await EventCollector.subscribe(daemon.socket, { after: 0 });
  await all.wait({ type: "delete", id: "c5" });
  assert.deepEqual(all.events, seen);
  for (let round = 0; round < 6; round++) {
    assert.equal(all.types().split(" ").length, 24);
    assert.equal(all.types(`c${round}`), "create start exit delete");
  }
});

Deno.test("restart: many containers come back at once", async () => {
  await using daemon = await TestDaemon.start({ config: "[shim]\nwarm = 2" });
  const ids = Array.from({ length: 12 }, (_, index) => `many-${index}`);
  await Promise.all(ids.map((id) => daemon.run(id, ["sleep", "1000"])));
  const pids = new Map(
    await Promise.all(ids.map(async (id) => {
      return [id, (await daemon.stateOf(id)).pid] as const;
    })),
  );
  await daemon.restart();
  const { containers } = await daemon.client.call("container.list", {});
  assert.equal(containers.length, ids.length);
  for (const { id, pid, status } of containers) {
    assert.equal(pid, pids.get(id));
    assert.equal(status, "running");
  }
  await Promise.all(ids.map((id) => {
    return daemon.remove(id);
  }));
  assert.equal((await daemon.client.call("daemon.info", {})).containers, 0);
});

Deno.test("restart: a journal with a torn line, a stale socket, half a bundle: the daemon starts and sees to them", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.life("one", ["sh", "-c", "exit 1"]);
  const { latest } = (await EventCollector.subscribe(daemon.socket)).subscription;
  await daemon.kill9();
  const journal = `${daemon.state}/events`;
  const [segment] = [...Deno.readDirSync(journal)].filter(({ name }) => name.endsWith(".jsonl"));
  const torn = `{"event":{"seq":${latest + 1},"type":"cre`;
  await Deno.writeTextFile(`${journal}/${segment?.name}`, torn, { append: true });
  const linux = `${daemon.state}/linux`;
  await Deno.mkdir(`${linux}/half/rootfs`, { recursive: true });
  await Deno.writeTextFile(`${linux}/half/berth.json.tmp`, '{"format":1');
  await Deno.mkdir(`${linux}/damaged`);
  await Deno.writeTextFile(`${linux}/damaged/berth.json`, '{"format":1');
  await Deno.mkdir(`${linux}/newer`);
  await Deno.writeTextFile(`${linux}/newer/berth.json`, '{"format":2,"id":"newer"}');
  // As a daemon leaves it that was killed while it made a socket.
  await Deno.mkdir(`${daemon.state}/.bind-1234`);
  assert.ok((await Deno.lstat(daemon.socket)).isSocket, "killed, it leaves its socket");

  await daemon.start();

  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  assert.equal(events.subscription.latest, latest);
  await daemon.life("two", ["sh", "-c", "exit 2"]);
  await events.wait({ type: "delete", id: "two" });
  assertHistory(events.events);
  assert.equal(events.types("one"), "create start exit delete");
  assert.equal(events.types("two"), "create start exit delete");
  await until("what is damaged to be removed", () => {
    return namesIn(linux).join() === "newer";
  });
  assert.match(daemon.log, /damaged: its record is lost: .*berth\.json is damaged/);
  assert.match(daemon.log, /newer"?, left alone: .*format 2, this berth reads 1/);
  const hidden = [...Deno.readDirSync(daemon.state)].filter(({ name }) => name.startsWith("."));
  assert.deepEqual(hidden, []);
  // Its place is taken all the same.
  await assert.rejects(
    daemon.client.call("container.create", { id: "newer", spec: daemon.spec(["true"]) }),
    FailedPreconditionError,
  );
  assert.deepEqual(await daemon.containerIds(), []);
});

Deno.test("restart: a bundle whose exit record is damaged does not keep the daemon from starting", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("odd", ["sleep", "1000"]);
  await daemon.kill9();
  await Deno.writeTextFile(`${daemon.state}/linux/odd/exit.json`, "{");
  await daemon.start();
  await daemon.untilState("odd", ({ status }) => status === "running");
  const deleted = await daemon.remove("odd");
  assert.equal(deleted.exitStatus, 137);
});

Deno.test("restart: a shim of another protocol is left alone, with a clear error", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("old", ["sleep", "1000"]);
  const { pid, shimPid } = await daemon.stateOf("old");
  await daemon.kill9();
  const dir = `${daemon.state}/linux/old`;
  await Deno.rename(`${dir}/shim.sock`, `${dir}/real.sock`);
  const asked: string[] = [];
  const answers = {
    "shim.connect": () => ({ pid: shimPid, version: "9.9.9", protocol: 99, instance: "?" }),
    "shim.events": () => ({ latest: 0 }),
  };
  {
    await using _fake = await Server.listen(`${dir}/shim.sock`, {
      onError: console.error,
      handlers: Object.fromEntries(
        Object.entries(answers).map(([method, answer]) => [method, () => {
          asked.push(method);
          return answer();
        }]),
      ),
    });
    await daemon.start();
    const state = await daemon.untilState("old", (now) => now.shim === "unavailable");
    assert.equal(state.status, "running");
    // Every now and then it is asked again, and is not connected for that while.
    await until("the error of a kill", async () => {
      const error = await daemon.client.call("container.kill", { id: "old", signal: 9 })
        .then(() => assert.fail("it was killed"), (error: Error) => error);
      assert.ok(error instanceof UnavailableError || error instanceof DeadlineExceededError);
      if (/not connected yet/.test(error.message)) return false;
      assert.match(error.message, /berth 9\.9\.9.*speaks protocol 99, this daemon/);
      return true;
    });
    await daemon.life("other");
    assert.match(readProcess(pid)?.command ?? "gone", /sleep 1000/);
    assert.ok(asked.includes("shim.connect"));
    // Before the socket is gone, which would mean a dead shim.
    await daemon.kill9();
  }
  // Its own berth's turn again.
  await Deno.rename(`${dir}/real.sock`, `${dir}/shim.sock`);
  await daemon.start();
  await daemon.connected("old");
  await daemon.remove("old");
});

Deno.test("restart: killed in the middle of a delete, the next daemon finishes it; the delete is told once", async () => {
  const wrapper = RuntimeWrapper.create(runDir());
  await using daemon = await TestDaemon.start({ config: wrapper.config });
  const audit = await LeakAudit.warm(daemon);
  for (const after of [false, true]) {
    const id = `deleted-${after}`;
    using before = await EventCollector.subscribe(daemon.socket);
    await daemon.run(id, ["sh", "-c", "exit 3"]);
    await daemon.exitOf(id);
    await before.wait({ type: "exit", id });
    const calls = wrapper.calls("delete").length;
    const release = wrapper.hang("delete", { after, id });
    const cut = assert.rejects(daemon.client.call("container.delete", { id }), UnavailableError);
    await wrapper.called("delete", calls + 1);
    await daemon.kill9();
    await cut;
    wrapper.clear("delete");
    release();
    await daemon.start();
    using events = await EventCollector.subscribe(daemon.socket, {
      after: before.events.at(-1)?.seq ?? 0,
    });
    await until("its delete", async () => {
      try {
        const { exitStatus } = await daemon.client.call("container.delete", { id });
        assert.equal(exitStatus, 3);
        return true;
      } catch (error) {
        // Its shim has yet to be found.
        if (error instanceof UnavailableError) return false;
        // The new daemon was faster.
        if (!(error instanceof NotFoundError)) throw error;
        return true;
      }
    });
    const told = await events.wait({ type: "delete", id });
    assert.equal(told.exitStatus, 3);
    assertHistory([...before.events, ...events.events]);
  }
  await audit.assertClean();
});

Deno.test("restart: a daemon that is killed while it removes the last files of a bundle tells the delete once", async () => {
  await using daemon = await TestDaemon.start();
  const keep = `${daemon.dir}/kept`;
  await daemon.run("twice", ["true"]);
  await daemon.exitOf("twice");
  await new Deno.Command("cp", { args: ["-a", `${daemon.state}/linux/twice`, keep] }).output();
  await daemon.client.call("container.delete", { id: "twice" });
  await daemon.kill9();
  for (const name of ["shim.sock", "shim.json"]) await Deno.remove(`${keep}/${name}`);
  await Deno.rename(keep, `${daemon.state}/linux/twice`);
  await daemon.start();
  await daemon.untilEmpty();
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  await daemon.life("after");
  await events.wait({ type: "delete", id: "after" });
  assert.equal(events.types("twice"), "create start exit delete");
  assert.deepEqual([...Deno.readDirSync(`${daemon.state}/linux`)], []);
});

Deno.test("restart: a bundle that cannot be removed yet does not keep the daemon from starting", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("busy", ["true"]);
  await daemon.exitOf("busy");
  const dir = `${daemon.state}/linux/busy`;
  const keep = `${daemon.dir}/kept`;
  await new Deno.Command("cp", { args: ["-a", dir, keep] }).output();
  await daemon.client.call("container.delete", { id: "busy" });
  await daemon.kill9();
  for (const name of ["shim.sock", "shim.json"]) await Deno.remove(`${keep}/${name}`);
  await Deno.rename(keep, dir);
  const mount = (...args: string[]) => new Deno.Command(args[0] ?? "", { args: args.slice(1) });
  await mount("mount", "-t", "tmpfs", "tmpfs", `${dir}/rootfs`).output();
  await Deno.writeTextFile(`${dir}/rootfs/precious`, "x");
  const holder = new Deno.Command("sleep", { args: ["1000"], cwd: `${dir}/rootfs` }).spawn();
  try {
    await daemon.start();
    await daemon.life("other");
    assert.equal((await Deno.stat(`${dir}/rootfs/precious`)).size, 1);
  } finally {
    holder.kill("SIGKILL");
    await holder.status;
  }
  await daemon.untilEmpty();
  await within("its end", daemon.stop());
  await assert.rejects(Deno.stat(dir), Deno.errors.NotFound);
});
