// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { MetricsV1 } from "../../src/containerd/stats/messages_v1.ts";
import { MetricsV2 } from "../../src/containerd/stats/messages_v2.ts";
import * as task from "../../src/containerd/messages/task.ts";
import { Empty } from "../../src/containerd/messages/types.ts";
import { decode } from "../../src/containerd/protobuf/codec.ts";
import { encodeFrame, FRAME, MAX_DATA } from "../../src/containerd/ttrpc/frame.ts";
import { CODE } from "../../src/containerd/ttrpc/messages.ts";
import { testNeeding } from "../../scripts/test_needing.ts";
import { crun } from "../harness/runtime/crun.ts";
import { until, within } from "../harness/poll.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import type { TaskClient } from "../harness/containerd/task_client.ts";

const LIMIT = 32 * 1024 * 1024;
/** Wants ten times the limit, all at once. */
const HOG = ["dd", "if=/dev/zero", "of=/dev/null", "bs=320M", "count=1"];

/** The figures of a container's memory and tasks, of either version of cgroups. */
async function figures(client: TaskClient) {
  const { stats } = await client.call("Stats", task.ContainerRequest, task.StatsResponse, {});
  const value = stats?.value ?? new Uint8Array();
  if (stats?.type_url === "io.containerd.cgroups.v2.Metrics") {
    const { pids, memory } = decode(MetricsV2, value);
    return { pids: pids?.current, limit: memory?.usage_limit };
  }
  assert.equal(stats?.type_url, "io.containerd.cgroups.v1.Metrics");
  const { pids, memory } = decode(MetricsV1, value);
  return { pids: pids?.current, limit: memory?.usage?.limit };
}

function update(client: TaskClient, resources: unknown) {
  const value = new TextEncoder().encode(JSON.stringify(resources));
  const type_url = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";
  const request = { resources: { type_url, value } };
  return client.call("Update", task.UpdateRequest, Empty, request);
}

Deno.test("containerd shim limits: figures, limits and a pause", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sleep", "1000"]);
  await client.start();
  // The threads of the OCI runtime's init are counted until it has become the process.
  await until("one task", async () => (await figures(client)).pids === 1n);
  await update(client, { memory: { limit: LIMIT } });
  assert.equal((await figures(client)).limit, BigInt(LIMIT));
  await assert.rejects(update(client, []), { code: CODE.invalidArgument });

  const call = (method: string) => client.call(method, task.ContainerRequest, Empty, {});
  await call("Pause");
  assert.equal((await client.state()).status, task.STATUS.paused);
  await assert.rejects(client.exec("e", ["true"]), { code: CODE.failedPrecondition });
  await call("Resume");
  await call("Pause");
  await client.kill(9);
  assert.equal((await client.wait()).exit_status, 137);
  const paused = ["paused", "resumed", "paused"];
  assert.deepEqual(await containerd.told("c", "exit"), ["create", "start", ...paused, "exit"]);
  await client.delete();
  await assert.rejects(figures(client), { code: CODE.notFound });
});

Deno.test("containerd shim limits: an OOM kill is told before the exit that it caused", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", HOG, {
    override: { linux: { resources: { memory: { limit: LIMIT } } } },
  });
  await client.start();
  assert.equal((await client.wait()).exit_status, 137);
  const story = await containerd.told("c", "exit");
  // The kill may come before the runtime has said that it started the process.
  assert.deepEqual(story.filter((topic) => topic !== "oom"), ["create", "start", "exit"]);
  assert.equal(story.filter((topic) => topic === "oom").length, 1);
  await client.delete();
});

Deno.test("containerd shim limits: what is not there, and what is called in the wrong state", async () => {
  await using containerd = new StubContainerd();
  containerd.makeBundle("c", ["nosuch"]);
  using client = await containerd.start("c");
  await assert.rejects(client.state(), { code: CODE.notFound });
  await assert.rejects(client.create(), /"nosuch": executable file not found in \$PATH/);
  await assert.rejects(client.delete(), { code: CODE.notFound });
  const connected = await client.call("Connect", task.ContainerRequest, task.ConnectResponse, {});
  assert.deepEqual([connected.shim_pid, connected.task_pid], [containerd.shimPids()[0], 0]);
  const v2 = client.call(
    "State",
    task.ProcessRequest,
    task.StateResponse,
    {},
    [
      "containerd.task.v2.Task",
    ].join(),
  );
  await assert.rejects(v2, { code: CODE.notFound });
  const other = client.call("State", Empty, Empty, {}, "containerd.runtime.sandbox.v1.Sandbox");
  await assert.rejects(other, { code: CODE.unimplemented });
  await assert.rejects(client.call("None", Empty, Empty, {}), { code: CODE.unimplemented });
  containerd.makeBundle("runtime", ["true"]);
  using missing = await containerd.start("runtime", { options: { binary_name: "no-runc" } });
  await assert.rejects(missing.create(), /"no-runc"/);
});

Deno.test("containerd shim limits: a container that the runtime has lost is not found", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sleep", "1000"]);
  await client.start();
  // As where its directory is cleaned up by hand.
  Deno.removeSync(`${containerd.dir}/oci/test/c`, { recursive: true });
  await assert.rejects(client.kill(15, "", true), {
    code: CODE.notFound,
    message: /container does not exist/,
  });
  await client.kill(9);
  assert.equal((await client.wait()).exit_status, 137);
  await client.delete();
});

testNeeding(
  ["crun"],
  "containerd shim limits: crun by the name that the options have",
  async () => {
    await using containerd = new StubContainerd();
    const binary_name = crun(containerd);
    containerd.makeBundle("c", ["sh", "-c", "exit 4"]);
    using client = await containerd.start("c", { options: { binary_name } });
    await client.create();
    await client.start();
    assert.equal((await client.wait()).exit_status, 4);
    await client.delete();
  },
);

Deno.test("containerd shim limits: frames of any kind harm no other client", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sleep", "1000"]);
  await client.start();
  const [shim] = await containerd.shims(1);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(3), async (bytes, kind) => {
      using conn = await Deno.connect({ transport: "unix", path: client.address });
      const frame = encodeFrame({ stream: 1, type: kind, data: bytes });
      await conn.write(frame);
      await conn.write(bytes);
    }),
    { numRuns: 200 },
  );
  // One that is too long, one that never ends, and a client that reads no answer.
  using long = await Deno.connect({ transport: "unix", path: client.address });
  const head = encodeFrame({ stream: 1, type: FRAME.request, data: new Uint8Array() });
  new DataView(head.buffer).setUint32(0, MAX_DATA + 1);
  await long.write(head);
  using slow = await Deno.connect({ transport: "unix", path: client.address });
  for (let stream = 1; stream < 2000; stream += 2) {
    const frame = encodeFrame({ stream, type: FRAME.request, data: Uint8Array.of(1) });
    const sent = slow.write(frame);
    if (
      await Promise.race([
        sent.then(() => false),
        new Promise((r) => setTimeout(r, 200, true)),
      ])
    ) {
      break;
    }
  }
  // A wait whose client goes is given up; the container knows nothing of it.
  {
    using waiting = await client.another("c", containerd.bundleOf("c"));
    waiting.wait().catch(() => {});
  }
  assert.equal((await within("a state", client.state())).status, task.STATUS.running);
  assert.deepEqual(await containerd.shims(1), [shim]);
  await client.kill(9);
  assert.equal((await client.wait()).exit_status, 137);
  await client.delete();
});
