// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { AlreadyExistsError, BerthError, UnavailableError } from "../../src/rpc/errors.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { assertLife } from "../harness/history.ts";
import { auditedContainer } from "../harness/leaks/audited.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import { isGone } from "../harness/processes.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

Deno.test("exec races: init's death takes its execs with it; its exit is told after theirs", async () => {
  await auditedContainer(
    async (daemon) => {
      const { client } = daemon;
      using events = await EventCollector.subscribe(daemon.socket, { ids: ["d"] });
      for (let round = 0; round < 3; round++) {
        await daemon.run("d", ["sleep", "1000"]);
        const execIds = ["a", "b", "c", "d"];
        for (const execId of execIds) {
          await client.call("container.exec", {
            id: "d",
            execId,
            process: { args: ["sleep", "1001"] },
          });
        }
        await client.call("container.kill", { id: "d", signal: "KILL" });
        const init = await daemon.exitOf("d");
        assert.equal(init.exitStatus, 137);
        for (const { execId, status, exitStatus } of (await daemon.stateOf("d")).processes) {
          assert.equal(status, "stopped", execId);
          assert.equal(exitStatus, 137, execId);
        }
        await client.call("container.delete", { id: "d" });
        await events.wait({ type: "delete" }, round + 1);
        const exits = events.matching({ type: "exit" }).slice(-5);
        assert.deepEqual(exits.map(({ execId }) => execId).sort(), [...execIds, undefined].sort());
        assert.equal(exits.at(-1)?.execId, undefined, "init is last");
      }
    },
    { config: COLD },
  );
});

Deno.test("exec races: an exec that races with init's death is refused or ends, never runs on", async () => {
  await auditedContainer(
    async (daemon) => {
      const { client } = daemon;
      using events = await EventCollector.subscribe(daemon.socket, { ids: ["d"] });
      for (let round = 0; round < 8; round++) {
        await daemon.run("d", ["sleep", "1000"]);
        const execs = Array.from({ length: 6 }, (_, i) =>
          client.call("container.exec", {
            id: "d",
            execId: `e${i}`,
            process: { args: ["sleep", "1001"] },
          }));
        const kill = (async () => {
          // At another moment of it in each round.
          if (round % 2 === 1) await execs[Math.floor(round / 2)]?.catch(() => undefined);
          await client.call("container.kill", { id: "d", signal: "KILL" });
        })();
        const results = await Promise.allSettled(execs);
        await kill;
        const { exitedAt } = await daemon.exitOf("d");
        assert.ok(exitedAt);
        for (const result of results) {
          if (result.status === "fulfilled") continue;
          assert.ok(result.reason instanceof BerthError);
          assert.ok(
            result.reason.kind === "FailedPrecondition" || result.reason.kind === "RuntimeError",
            result.reason.message,
          );
        }
        const state = await daemon.stateOf("d");
        const begun = results.filter(({ status }) => status === "fulfilled").length;
        assert.equal(state.processes.length, begun);
        for (const { status, execId } of state.processes) assert.equal(status, "stopped", execId);
        await client.call("container.delete", { id: "d" });
        await events.wait({ type: "delete" }, round + 1);
      }
      // Per process: start, then exactly one exit; init's after every exec's.
      for (const { instance } of events.matching({ type: "create" })) {
        const mine = events.matching({ instance });
        assertLife(mine);
        const exits = mine.filter(({ type }) => type === "exit");
        assert.equal(exits.at(-1)?.execId, undefined);
        const started = mine.filter(({ type }) => type === "exec-started").map(({ execId }) =>
          execId
        );
        assert.deepEqual(exits.slice(0, -1).map(({ execId }) => execId).sort(), started.sort());
        assert.equal(mine.at(-1)?.type, "delete");
      }
    },
    { config: COLD },
  );
});

Deno.test("exec races: an exec that the runtime keeps waiting holds up neither other execs nor kill nor state", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  const { client } = daemon;
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const pid = await daemon.run("c", ["sleep", "1000"], {}, { runtime: wrapper.path });
  const release = wrapper.hang("exec");
  const slow = client.call("container.exec", {
    id: "c",
    execId: "slow",
    process: { args: ["true"] },
  });
  await wrapper.called("exec");
  await assert.rejects(
    client.call("container.exec", { id: "c", execId: "slow", process: { args: ["true"] } }),
    AlreadyExistsError,
  );
  wrapper.clear();
  const { execId } = await client.call("container.exec", { id: "c", process: { args: ["true"] } });
  assert.equal((await daemon.exitOf("c", execId)).exitStatus, 0);
  assert.equal((await daemon.stateOf("c")).status, "running");
  await client.call("container.kill", { id: "c", signal: "KILL" });
  // Else the runtime may find it alive yet.
  await until("the end of init", () => isGone(pid));
  release();
  await assert.rejects(slow, (error) => error instanceof BerthError);
  assert.equal((await daemon.exitOf("c")).exitStatus, 137);
  await daemon.untilState("c", ({ status }) => status === "stopped");
  await client.call("container.delete", { id: "c" });
  await audit.assertClean({ ignoreFiles: /^runtime-/ });
});

Deno.test("exec races: execs survive the daemon: same pid, true status, then deleted as ever", async () => {
  await auditedContainer(async (daemon) => {
    const target = { id: "c", execId: "e" };
    const process = { args: ["sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 21"] };
    const { pid } = await daemon.client.call("container.exec", { ...target, process });
    await daemon.kill9();
    await daemon.start();
    await until("its execs", async () => (await daemon.stateOf("c")).processes.length > 0);
    assert.deepEqual((await daemon.stateOf("c")).processes, [{
      execId: "e",
      pid,
      status: "running",
    }]);
    const go = { id: "c", execId: "go", process: { args: ["touch", "/tmp/go"] } };
    await daemon.client.call("container.exec", go);
    assert.equal((await daemon.client.call("container.wait", target)).exitStatus, 21);
    await daemon.kill9();
    await daemon.start();
    await until("its execs", async () => (await daemon.stateOf("c")).processes.length > 0);
    assert.equal((await daemon.client.call("container.wait", target)).exitStatus, 21);
    const deleted = await daemon.client.call("container.deleteProcess", target);
    assert.equal(deleted.exitStatus, 21);
    assert.equal(deleted.pid, pid);
  });
});

Deno.test("container.wait: an exec that the daemon has not heard of yet, after its start, is waited for", async () => {
  // A shim that is slow to answer is waited for, however slow the machine is.
  await using daemon = await TestDaemon.start({ config: "[shim]\ntimeout = 300" });
  await daemon.run("c", ["sleep", "1000"]);
  const exec = { id: "c", execId: "e", process: { args: ["sleep", "1000"] } };
  const { pid } = await daemon.client.call("container.exec", exec);
  const { shimPid } = await daemon.stateOf("c");
  await daemon.kill9();
  Deno.kill(shimPid, "SIGSTOP");
  try {
    await daemon.start();
    const waiting = until("an answer", async () => {
      try {
        return await daemon.exitOf("c", "e");
      } catch (error) {
        // It may look for the shim longer than a call waits for that.
        if (error instanceof UnavailableError) return undefined;
        throw error;
      }
    });
    waiting.catch(() => {});
    // An answer to a later call: that to the first, if it is an error, has come before.
    await daemon.client.call("daemon.info", {});
    Deno.kill(shimPid, "SIGCONT");
    await daemon.connected("c");
    Deno.kill(pid, "SIGKILL");
    assert.equal((await waiting).exitStatus, 137);
  } finally {
    Deno.kill(shimPid, "SIGCONT");
  }
});
