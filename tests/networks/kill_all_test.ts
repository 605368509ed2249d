// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BerthError } from "../../src/rpc/errors.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import { auditedNetwork, createPublished } from "../harness/network/audited_network.ts";
import { networkTest } from "../harness/network/test_network.ts";
import { NO_FAILPOINTS, onHit } from "../harness/program/failpoints.ts";
import { until } from "../harness/poll.ts";
import { killIfThere, readProcess } from "../harness/processes.ts";
import { namesIn } from "../harness/leaks/traces.ts";

/** The n-th hit of a point stops. */
const nth = (point: string, n: number) => onHit(n, point, "stop");

/** The first and the last of `bridge`, `portmap` and `firewall`. */
const PLUGINS = [1, 3];

const CREATE = [
  nth("bundle.record", 1),
  nth("network.record", 1),
  nth("network.namespace", 1),
  nth("network.pinned", 1),
  ...PLUGINS.flatMap((n) => [nth("network.add", n), nth("network.added", n)]),
  nth("create.attach", 1),
  nth("create.attached", 1),
  nth("shim.create.reserve", 1),
  nth("shim.create.mount", 1),
  nth("shim.create.stdio", 1),
  nth("shim.create.runtime", 1),
  nth("shim.create.claim", 1),
  nth("shim.create.created", 1),
  nth("shim.create.publish", 1),
  nth("create.created", 1),
];

const DELETE = [
  nth("delete.shim", 1),
  nth("shim.exit.record", 1),
  nth("shim.exit.recorded", 1),
  nth("shim.exit.publish", 1),
  nth("shim.delete.runtime", 1),
  nth("shim.delete.unmount", 1),
  nth("shim.delete.stdio", 1),
  nth("shim.delete.deleted", 1),
  nth("shim.delete.execs", 1),
  nth("delete.shim-deleted", 1),
  nth("delete.detached", 1),
  nth("network.removing", 1),
  ...PLUGINS.flatMap((n) => [nth("network.del", n), nth("network.deleted", n)]),
  nth("network.unpin", 1),
  nth("network.unpinned", 1),
  nth("delete.unmounted", 1),
  nth("delete.publish", 1),
  nth("bundle.remove", 1),
];

networkTest(
  "networks: daemon, shim and plugins that are killed at once, at any point of a create or a delete, " +
    "leave nothing",
  async () => {
    await using audited = await auditedNetwork();
    const { network, daemon, points, audit } = audited;
    const rounds = [
      ...CREATE.map((point) => ({ point, step: "create" })),
      ...DELETE.map((point) => ({ point, step: "delete" })),
    ];
    for (const [index, { point, step }] of rounds.entries()) {
      const id = `c${index}`;
      if (step === "delete") await createPublished(daemon, id, 8000 + index);
      points.arm(point);
      const call = step === "create"
        ? createPublished(daemon, id, 8000 + index)
        : daemon.client.call("container.delete", { id });
      const ended = call.then(() => "done", (error: unknown) => {
        if (error instanceof BerthError) return error.kind;
        throw error;
      });
      await until(`a stop at ${point}`, () => {
        const pids = [daemon.pid, shimPid(daemon, id)];
        return pids.some((pid) => pid !== undefined && readProcess(pid)?.state === "T");
      });
      // All that runs in the host's network: daemon, shim, plugins, what these have started.
      killIfThere(...await network.pidsOf(/./));
      await daemon.exited();
      assert.notEqual(await ended, "done", point);
      points.disarm();
      await daemon.start();
      await until(`${id}, killed at ${point}, is gone`, async () => {
        const { containers } = await daemon.client.call("container.list", {});
        return containers.length === 0 &&
          namesIn(`${daemon.state}/network/containers`).length === 0;
      }, { timeoutMs: 60_000 });
    }
    await audit.assertClean("all of it");
  },
  { ignore: NO_FAILPOINTS },
);

/** The pid of the shim that serves a bundle, if there is one. */
function shimPid(daemon: TestDaemon, id: string): number | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(`${daemon.state}/linux/${id}/shim.json`)).pid;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
