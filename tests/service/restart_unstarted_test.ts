// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TestDaemon } from "../harness/daemon.ts";
import { assertHistory } from "../harness/history.ts";
import { until } from "../harness/poll.ts";
import { listProcesses } from "../harness/processes.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import { createService, isOver } from "../harness/service.ts";

/** Deletes a container, each instance of which replaces the one before; returns how many there were. */
async function deleteLives({ client }: TestDaemon, id: string): Promise<number> {
  await client.call("container.delete", { id });
  const { events } = await client.call("events.read", { after: 0, ids: [id] });
  assertHistory(events.map((event, index) => ({ ...event, seq: index + 1 })));
  const creates = events.filter(({ type }) => type === "create");
  assert.deepEqual(
    creates.map(({ replaces }) => replaces),
    creates.map((_, index) => creates[index - 1]?.instance),
  );
  return creates.length;
}

Deno.test({
  name:
    "container.start: a next instance that dies before its start, with its shim, is not made twice",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    for (const step of ["create.created", "restart.made"]) {
      for (const restart of [undefined, { policy: "on-failure", maxRetries: 1 }] as const) {
        const id = `${step.replace(".", "-")}-${restart?.policy ?? "by-hand"}`;
        const mnt = await createService(
          daemon,
          id,
          "until test -e /mnt/go; do sleep 0.05; done; echo ran >> /mnt/runs; exit 3",
          restart === undefined ? {} : { restart },
        );
        await daemon.client.call("container.start", { id });
        if (restart !== undefined) failpoints.arm(`${step}=crash`);
        Deno.writeTextFileSync(`${mnt}/go`, "");
        if (restart === undefined) {
          await daemon.untilState(id, isOver);
          failpoints.arm(`${step}=crash`);
          await assert.rejects(daemon.client.call("container.start", { id }));
        }
        await daemon.exited();
        failpoints.disarm();
        const { pid } = JSON.parse(Deno.readTextFileSync(`${daemon.state}/linux/${id}/shim.json`));
        Deno.kill(pid, "SIGKILL");
        await until("the shim is gone", () => listProcesses().every((one) => one.pid !== pid));
        await daemon.start();
        await daemon.untilState(id, isOver);
        assert.equal(Deno.readTextFileSync(`${mnt}/runs`), "ran\nran\n", id);
        assert.ok(await deleteLives(daemon, id) >= 2, id);
      }
    }
  },
});

Deno.test("container.start: what replaces an instance that could not be started says so", async () => {
  await using daemon = await TestDaemon.start();
  const runtime = RuntimeWrapper.create(daemon.dir);
  const mnt = await createService(daemon, "c", "echo ran >> /mnt/runs", { runtime: runtime.path });
  await daemon.client.call("container.start", { id: "c" });
  await daemon.untilState("c", isOver);
  runtime.rule("start", "exit 1", { once: true });
  await assert.rejects(daemon.client.call("container.start", { id: "c" }));
  await daemon.untilState("c", isOver);
  await daemon.client.call("container.start", { id: "c" });
  await daemon.untilState("c", isOver);
  assert.equal(Deno.readTextFileSync(`${mnt}/runs`), "ran\nran\n");
  assert.equal(await deleteLives(daemon, "c"), 3);
});
