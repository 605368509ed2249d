// SPDX-License-Identifier: MIT
//
// What clients can make a shim of containerd hold in all.
import assert from "node:assert/strict";
import { UpdateRequest } from "../../src/containerd/messages/task.ts";
import { encode } from "../../src/containerd/protobuf/codec.ts";
import { encodeFrame, FRAME, MAX_DATA } from "../../src/containerd/ttrpc/frame.ts";
import { CODE, Request } from "../../src/containerd/ttrpc/messages.ts";
import { sendAll } from "../../src/containerd/ttrpc/server_testing.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import type { TaskClient } from "../harness/containerd/task_client.ts";
import { anonymousMemory } from "../harness/memory.ts";
import { within } from "../harness/poll.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import { writeScript } from "../harness/stand_in.ts";

const MIB = 1024 * 1024;

/** Adds an exec whose spec has 4 million bytes that runtimes pass over. */
function addLarge(client: TaskClient, execId: string): Promise<unknown> {
  const process = {
    args: ["true"],
    cwd: "/",
    env: ["PATH=/bin"],
    user: { uid: 0, gid: 0 },
    unknown: "x".repeat(4_000_000),
  };
  const value = new TextEncoder().encode(JSON.stringify(process));
  return client.exec(execId, [], { spec: { type_url: "spec", value } });
}

const refusal = { code: CODE.resourceExhausted, message: /: start or delete some execs$/ };

Deno.test("containerd shim memory: execs that are not started are bounded, and make room by a start or delete", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sleep", "1000"]);
  await client.start();
  const [pid = 0] = await containerd.shims(1);
  for (let n = 0; n < 8; n++) await addLarge(client, `e${n}`);
  for (let n = 8; n < 50; n++) await assert.rejects(addLarge(client, `e${n}`), refusal);
  assert.ok(anonymousMemory(pid) < 200 * MIB, `${anonymousMemory(pid) / MIB} MiB`);
  await client.exec("small", ["true"]);

  await client.delete("e1");
  await addLarge(client, "more");
  await assert.rejects(addLarge(client, "another"), refusal);
  // Before it has ended or was deleted.
  await client.start("more");
  await addLarge(client, "another");
  await client.wait("more");
  await client.start("small");
  await client.wait("small");
  // One that is refused for another reason, and one that cannot be started.
  await client.delete("e2");
  await assert.rejects(addLarge(client, "e3"), { code: CODE.alreadyExists });
  await addLarge(client, "e2");
  assert.ok(anonymousMemory(pid) < 200 * MIB, `${anonymousMemory(pid) / MIB} MiB`);
  await client.kill(9);
  await client.wait();
  await client.delete();
});

Deno.test("containerd shim memory: a container that is deleted makes room for execs of others", async () => {
  await using containerd = new StubContainerd();
  const pod = { override: { annotations: { "io.kubernetes.cri.sandbox-id": "pod" } } };
  using one = await containerd.create("pod", ["sleep", "1000"], pod);
  using two = await containerd.create("two", ["sleep", "1000"], pod);
  await Promise.all([one.start(), two.start()]);
  await containerd.shims(1);
  for (let n = 0; n < 8; n++) await addLarge(two, `e${n}`);
  await assert.rejects(addLarge(one, "e"), refusal);
  await two.kill(9);
  await two.wait();
  await two.delete();
  for (let n = 0; n < 8; n++) await addLarge(one, `e${n}`);
  await one.kill(9);
  await one.wait();
  await one.delete();
});

Deno.test("containerd shim memory: clients whose large frames do not end are closed, and others served", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sleep", "1000"]);
  await client.start();
  const [pid = 0] = await containerd.shims(1);
  const frame = encodeFrame({ stream: 1, type: FRAME.request, data: new Uint8Array(MAX_DATA) })
    .subarray(0, -100);
  const conns: Deno.Conn[] = [];
  let refused = 0;
  try {
    for (let n = 0; n < 80; n++) {
      const conn = await Deno.connect({ transport: "unix", path: client.address });
      conns.push(conn);
      await sendAll(conn, [frame]);
      conn.read(new Uint8Array(1)).then((count) => {
        if (count === null) refused++;
      }, () => refused++);
    }
    await within("a state", client.state());
    assert.ok(anonymousMemory(pid) < 200 * MIB, `${anonymousMemory(pid) / MIB} MiB`);
    // A good client with a large frame comes in time, too.
    await within("a large exec", addLarge(client, "e"));
    await client.delete("e");
    assert.ok(refused >= 64 && refused <= 70, `${refused} were closed`);
  } finally {
    for (const conn of conns) conn.close();
  }
  await client.kill(9);
  await client.wait();
  await client.delete();
});

Deno.test("containerd shim memory: large calls count until they end, also when their clients have gone", async () => {
  await using containerd = new StubContainerd();
  const runtime = RuntimeWrapper.create(containerd.dir);
  containerd.makeBundle("c", ["sleep", "1000"]);
  using client = await containerd.start("c", { options: { binary_name: runtime.path } });
  await client.create();
  await client.start();
  const [pid = 0] = await containerd.shims(1);
  const release = runtime.hang("update");
  const value = new TextEncoder().encode(JSON.stringify({ unknown: "x".repeat(4_000_000) }));
  const payload = encode(UpdateRequest, { id: "c", resources: { type_url: "spec", value } });
  const service = "containerd.task.v2.Task";
  const data = encode(Request, { service, method: "Update", payload });
  const frame = encodeFrame({ stream: 1, type: FRAME.request, data });
  for (let n = 0; n < 50; n++) {
    const conn = await Deno.connect({ transport: "unix", path: client.address });
    await sendAll(conn, [frame]);
    conn.close();
  }
  await within("a state", client.state());
  assert.ok(anonymousMemory(pid) < 200 * MIB, `${anonymousMemory(pid) / MIB} MiB`);
  await assert.rejects(addLarge(client, "e"), refusal);
  release();
  runtime.clear("update");
  await client.kill(9);
  await client.wait();
  await client.delete();
});

Deno.test("containerd shim memory: an exec that is added while the one before ends is counted no longer", async () => {
  await using containerd = new StubContainerd();
  const logger = writeScript(`${containerd.dir}/logger`, "exec 5>&-\nsleep 0.5\n");
  using client = await containerd.create("c", ["sleep", "1000"]);
  await client.start();
  for (let n = 0; n < 9; n++) {
    await client.exec("e", ["true"], { stdout: `binary://${logger}` });
    await client.start("e");
    await client.wait("e");
    const deleted = client.delete("e");
    let isAdded = false;
    // Its id is free before the delete is answered, which waits for the logger.
    while (!isAdded) {
      isAdded = await addLarge(client, "e").then(() => true, (error) => {
        assert.equal(error.code, CODE.alreadyExists, error.message);
        return false;
      });
    }
    await deleted;
    await client.delete("e");
  }
  await client.kill(9);
  await client.wait();
  await client.delete();
});
