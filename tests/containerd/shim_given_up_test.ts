// SPDX-License-Identifier: MIT
//
// What a shim of containerd does with a create whose client has given up: kubelet was killed, or the
// time was over.
import assert from "node:assert/strict";
import { RuncOptions } from "../../src/containerd/messages/options.ts";
import * as task from "../../src/containerd/messages/task.ts";
import { Empty } from "../../src/containerd/messages/types.ts";
import { encode } from "../../src/containerd/protobuf/codec.ts";
import { encodeFrame, FRAME } from "../../src/containerd/ttrpc/frame.ts";
import { Request } from "../../src/containerd/ttrpc/messages.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import { until, within } from "../harness/poll.ts";
import { hasEnded } from "../harness/processes.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

/** Starts a shim whose runtime hangs in the create of the container "c" until `release`. */
async function hangingCreate(containerd: StubContainerd) {
  const runtime = RuntimeWrapper.create(containerd.dir);
  containerd.makeBundle("c", ["sleep", "1000"]);
  const client = await containerd.start("c", { options: { binary_name: runtime.path } });
  const [shim = 0] = containerd.shimPids();
  const release = runtime.hang("create");
  const created = Promise.allSettled([client.create()]);
  await runtime.called("create");
  return { client, created, release, runtime, shim };
}

for (const deleteFails of [false, true]) {
  const what = deleteFails ? "whose delete fails keeps no shim" : "is deleted";
  Deno.test(`containerd shim: a container whose client gives up during the create ${what}`, async () => {
    await using containerd = new StubContainerd();
    const { client, created, release, runtime, shim } = await hangingCreate(containerd);
    using _client = client;
    if (deleteFails) runtime.fail("delete", "busy", { once: true });
    // As containerd does then.
    await assert.rejects(client.delete(), /container not created: c/);
    await client.call("Shutdown", task.ShutdownRequest, Empty, { id: "c" });
    assert.ok(!hasEnded(shim));
    release();
    const [answer] = await within("the create", created);
    assert.equal(answer?.status, "rejected");
    assert.match(String(answer.reason), /container not created: c/);
    assert.equal(runtime.calls("delete").length, 1);
    await until("the shim ends", () => hasEnded(shim));
    if (deleteFails) await containerd.delete("c");
  });
}

Deno.test("containerd shim: the delete of an exec during the create leaves the container alone", async () => {
  await using containerd = new StubContainerd();
  const { client, created, release } = await hangingCreate(containerd);
  using _client = client;
  await assert.rejects(client.delete("e"), /container not created: c/);
  release();
  const [answer] = await within("the create", created);
  assert.equal(answer?.status, "fulfilled");
  await client.start();
  await client.kill(9);
  await client.wait();
  await client.delete();
});

Deno.test("containerd shim: of two deletes at a time one deletes, and the delete is told once", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["true"]);
  await client.start();
  await client.wait();
  const answers = await Promise.allSettled([client.delete(), client.delete()]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const story = await containerd.told("c", "delete");
  assert.equal(story.filter((event) => event === "delete").length, 1);
});

Deno.test("containerd shim: one whose create outlived its time and its client ends when it is idle", async () => {
  await using containerd = new StubContainerd();
  const runtime = RuntimeWrapper.create(containerd.dir);
  const bundle = containerd.makeBundle("c", ["sleep", "1000"]);
  const client = await containerd.start("c", { options: { binary_name: runtime.path } });
  const [shim = 0] = containerd.shimPids();
  const release = runtime.hang("create");
  const root = `${containerd.dir}/oci`;
  const value = encode(RuncOptions, { root, binary_name: runtime.path });
  const options = { type_url: "containerd.runc.v1.Options", value };
  const conn = await Deno.connect({ transport: "unix", path: client.address });
  client[Symbol.dispose]();
  const answer = new Uint8Array(1000);
  const ask = async (stream: number, method: string, payload: Uint8Array, timeout_nano = 0n) => {
    const service = "containerd.task.v2.Task";
    const data = encode(Request, { service, method, payload, timeout_nano });
    await conn.write(encodeFrame({ stream, type: FRAME.request, data }));
    const count = await within("an answer", conn.read(answer));
    return new TextDecoder().decode(answer.subarray(0, count ?? 0));
  };
  const create = encode(task.CreateRequest, { id: "c", bundle, options });
  assert.match(await ask(1, "Create", create, 300_000_000n), /took longer/);
  await runtime.called("create");
  assert.match(
    await ask(3, "Delete", encode(task.ProcessRequest, { id: "c" })),
    /container not created/,
  );
  conn.close();
  release();
  // A minute after that.
  await until("the shim ends", () => hasEnded(shim), { timeoutMs: 120_000, everyMs: 250 });
});
