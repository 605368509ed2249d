// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TestDaemon } from "../harness/daemon.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { until } from "../harness/poll.ts";
import { createService } from "../harness/service.ts";

/** Runs until it is told to fail, and takes note of each run. */
const SCRIPT = "echo ran >> /mnt/runs; until test -e /mnt/go; do sleep 0.05; done; " +
  "rm /mnt/go; exit 3";

Deno.test({
  name:
    "restart full disk: what the disk does not take is logged, and nothing that runs is run again",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    const { client } = daemon;
    const id = "c";
    const mnt = await createService(daemon, id, SCRIPT, { restart: { policy: "always" } });
    await client.call("container.start", { id });
    const restarted = async (count: number) => {
      Deno.writeTextFileSync(`${mnt}/go`, "");
      return await daemon.untilState(
        id,
        (now) => now.status === "running" && now.restartCount === count,
      );
    };
    failpoints.arm("definition.write=fail:ENOSPC");
    const first = await restarted(1);
    assert.equal(first.lastExit?.exitStatus, 3);
    assert.match(daemon.log, /c: cannot write its definition: .?ENOSPC/);
    const second = await restarted(2);
    assert.notEqual(second.instance, first.instance);
    // Limits hold as updated.
    await client.call("container.update", { id, resources: { pids: { limit: 77 } } });
    const third = await restarted(3);
    const spec = JSON.parse(Deno.readTextFileSync(`${third.bundle}/config.json`));
    assert.equal(spec.linux.resources.pids.limit, 77);
    const { events } = await client.call("events.read", { ids: [id], types: ["restart-failed"] });
    assert.deepEqual(events, []);
    const runs = () => Deno.readTextFileSync(`${mnt}/runs`);
    // A run is started before it has come to its first command.
    await until("its fourth run", () => runs().length >= "ran\n".length * 4);
    assert.equal(runs(), "ran\n".repeat(4));

    // What was not written before is, with the next change.
    failpoints.disarm();
    await restarted(4);
    await daemon.restart();
    const after = await daemon.stateOf(id);
    assert.deepEqual([after.status, after.restartCount], ["running", 4]);
    const definition = `${daemon.root}/containers/${id}`;
    const record = JSON.parse(Deno.readTextFileSync(`${definition}/berth.json`));
    assert.equal(record.instance, after.instance);
    const kept = JSON.parse(Deno.readTextFileSync(`${definition}/config.json`));
    assert.equal(kept.linux.resources.pids.limit, 77);
    await daemon.remove(id);
    assert.deepEqual([...Deno.readDirSync(`${daemon.root}/containers`)], []);
  },
});

Deno.test({
  name: "container.delete: one that fails leaves a restart that is to come",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    const { client } = daemon;
    const id = "c";
    const mnt = await createService(daemon, id, "test -e /mnt/stay && sleep 1000; exit 3", {
      restart: { policy: "always" },
    });
    await client.call("container.start", { id });
    // Later each time, so that there is time for a delete.
    const waiting = await daemon.untilState(id, (now) => {
      const due = Date.parse(now.restartingAt ?? "") - Date.now();
      return now.status === "stopped" && (now.restartCount ?? 0) >= 4 && due > 5_000;
    });
    Deno.writeTextFileSync(`${mnt}/stay`, "");
    failpoints.arm("delete.shim=1*fail:EIO");
    await assert.rejects(client.call("container.delete", { id }), /EIO/);
    const after = await daemon.untilState(id, ({ status }) => status === "running");
    assert.equal(after.restartCount, waiting.restartCount);
    await daemon.restart();
    assert.equal((await daemon.stateOf(id)).status, "running");
    await daemon.remove(id);
    assert.deepEqual([...Deno.readDirSync(`${daemon.root}/containers`)], []);
  },
});
