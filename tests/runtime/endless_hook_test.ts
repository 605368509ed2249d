// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { testNeeding } from "../../scripts/test_needing.ts";
import { DeadlineExceededError, NotFoundError } from "../../src/rpc/errors.ts";
import { crun } from "../harness/runtime/crun.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { assertHistory } from "../harness/history.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import { readProcess } from "../harness/processes.ts";

/** How long a call of the runtime may take here, in seconds. */
const BOUND = 5;

const CONFIG = `[runtime]\ntimeout = ${BOUND}\n${COLD}`;

/** Runs `body` with a daemon that has a short bound for the runtime; nothing may be left. */
async function withDaemon(
  body: (daemon: TestDaemon, events: EventCollector) => Promise<void>,
): Promise<void> {
  await using daemon = await TestDaemon.start({ config: CONFIG });
  const audit = await LeakAudit.warm(daemon);
  {
    using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
    await body(daemon, events);
    await daemon.life("after");
    await events.wait({ type: "delete", id: "after" });
    assertHistory(events.events);
  }
  await audit.assertClean({ ignoreFiles: /runtime-crun$/ });
}

function specOf(daemon: TestDaemon, args: string[]) {
  const hook = { path: "/bin/sleep", args: ["sleep", "100000"] };
  return daemon.spec(args, { hooks: { poststart: [hook] } });
}

Deno.test("endless hook: a create by runc, which runs poststart hooks then, ends at the time limit", async () => {
  await withDaemon(async (daemon) => {
    const { client } = daemon;
    const created = assert.rejects(
      client.call("container.create", { id: "c", spec: specOf(daemon, ["true"]) }),
      DeadlineExceededError,
    );
    await daemon.life("other");
    await created;
    await assert.rejects(daemon.stateOf("c"), NotFoundError);
  });
});

testNeeding(
  ["crun"],
  "endless hook: a start by crun is given up, and the container runs, can be killed and removed",
  async () => {
    await withDaemon(async (daemon, events) => {
      const { client } = daemon;
      const runtime = crun(daemon);
      const start = async (id: string, args: string[]) => {
        const spec = specOf(daemon, args);
        const { pid } = await client.call("container.create", { id, spec, runtime });
        // Whoever does not wait for the answer must not be told of a rejection.
        return { pid, answer: client.call("container.start", { id }).catch((error) => error) };
      };
      const starts = await Promise.all([
        start("given-up", ["sleep", "100000"]),
        start("killed", ["sleep", "100000"]),
        start("removed", ["sleep", "100000"]),
        start("ended", ["sh", "-c", "exit 7"]),
      ]);
      await daemon.life("other");
      // A kill before the program runs would come before the start.
      for (const { pid } of starts.slice(0, 3)) {
        await until("its program", () => readProcess(pid)?.command.startsWith("sleep"));
      }
      await client.call("container.kill", { id: "killed", signal: "KILL" });
      await daemon.remove("removed");
      assert.equal((await daemon.exitOf("killed")).exitStatus, 137);
      assert.equal((await daemon.exitOf("ended")).exitStatus, 7);
      const [givenUp] = await Promise.all(starts.map(({ answer }) => answer));
      assert.ok(givenUp instanceof DeadlineExceededError, String(givenUp));
      await daemon.untilState("given-up", ({ status }) => status === "running");
      await events.wait({ type: "start", id: "given-up" });
      await client.call("container.kill", { id: "given-up", signal: "TERM" });
      await client.call("container.kill", { id: "given-up", signal: "KILL" });
      assert.equal((await daemon.exitOf("given-up")).exitStatus, 137);
      for (const id of ["given-up", "killed", "ended"]) {
        await client.call("container.delete", { id });
        await events.wait({ type: "delete", id });
        assert.equal(events.types(id), "create start exit delete", id);
      }
    });
  },
);

testNeeding(
  ["crun"],
  "endless hook: a start by crun whose daemon has died ends at the time limit, too",
  async () => {
    await using daemon = await TestDaemon.start({ config: CONFIG });
    const runtime = crun(daemon);
    const spec = specOf(daemon, ["sleep", "100000"]);
    const { pid } = await daemon.client.call("container.create", { id: "c", spec, runtime });
    // Whoever does not wait for the answer must not be told of a rejection.
    const start = daemon.client.call("container.start", { id: "c" }).catch(() => {});
    await until("its program", () => readProcess(pid)?.command.startsWith("sleep"));
    await daemon.kill9();
    await start;
    await daemon.start();
    await daemon.untilState("c", ({ status }) => status === "running");
    assert.equal((await daemon.remove("c")).pid, pid);
  },
);
