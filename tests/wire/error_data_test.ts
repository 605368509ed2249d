// SPDX-License-Identifier: MIT
//
// What errors carry beside their message is in the contract, as results and notifications are, of
// which tests/docs/docs_test.ts looks at each.
import assert from "node:assert/strict";
import { daemonErrorData } from "../../src/rpc/contract/schemas/error_data.ts";
import { isRecord } from "../../src/rpc/is_record.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { RawClient } from "../harness/io/raw_client.ts";
import type { JsonObject } from "../harness/rootfs.ts";
import { runDir } from "../harness/run.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

/** Writes a line and returns `data` of the error that comes; fails for a member of no contract. */
async function errorData(client: RawClient, line: string): Promise<JsonObject> {
  await client.write(`${line}\n`);
  const { error } = Object(await client.next());
  assert(isRecord(error) && isRecord(error.data), `no error: ${line}`);
  for (const member of Object.keys(error.data)) {
    assert(Object.hasOwn(daemonErrorData, member), `${member}: ${JSON.stringify(error)}`);
  }
  return error.data;
}

function call(method: string, params: JsonObject): string {
  return JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
}

Deno.test("error data: every member of it is in the contract", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("up", ["sleep", "1000"]);
  await daemon.client.call("container.exec", {
    id: "up",
    execId: "shell",
    process: { args: ["sleep", "1000"] },
  });
  await daemon.client.call("container.create", { id: "made", spec: daemon.spec(["true"]) });
  using client = await RawClient.connect(daemon.socket);
  const id = "new", spec = daemon.spec(["true"]);
  const isolated = daemon.spec(["true"], {
    linux: { namespaces: ["pid", "mount"].map((type) => ({ type })) },
  });
  // In the bundle, where mounts of a rootfs are made.
  const own = { ...spec, root: { readonly: true } };
  const seen = new Set<string>();
  for (
    const line of [
      "{",
      call("no.such", {}),
      call("daemon.info", { verbose: true }),
      call("container.state", { id: "none" }),
      call("container.create", { id: "up", spec }),
      call("container.create", { id, spec, runtime: "/none" }),
      call("container.create", { id, spec: daemon.spec(["none"]) }),
      call("container.create", { id, spec: own, rootfs: [{ type: "nofs", source: "nofs" }] }),
      call("container.create", { id, spec: isolated, network: { name: "none-such" } }),
      call("container.delete", { id: "up" }),
      call("container.pause", { id: "made" }),
      call("container.exec", { id: "up", execId: "shell", process: { args: ["true"] } }),
      call("container.exec", { id: "up", execId: "other", process: { args: ["none"] } }),
      call("container.wait", { id: "up", execId: "none" }),
      call("container.deleteProcess", { id: "up", execId: "shell" }),
      call("container.checkpoint", { id: "made", path: `${daemon.dir}/checkpoint` }),
      call("events.unsubscribe", { subscription: "none" }),
    ]
  ) {
    for (const member of Object.keys(await errorData(client, line))) seen.add(member);
  }
  const expected = ["kind", "id", "execId", "issues", "detail", "status", "command", "exitCode"];
  expected.push("runtimeMessage", "network", "source", "type");
  assert.deepEqual(expected.filter((member) => !seen.has(member)), [], "members that came");
});

Deno.test("error data: what a shim has failed to undo of a create stays between it and the daemon", async () => {
  const wrapper = RuntimeWrapper.create(runDir());
  await using daemon = await TestDaemon.start({ config: wrapper.config });
  using client = await RawClient.connect(daemon.socket);
  wrapper.fail("create", "no more", { after: true });
  wrapper.fail("delete", "not now", { once: true });
  const params = { id: "a", spec: daemon.spec(["true"]) };
  const data = await errorData(client, call("container.create", params));
  assert.deepEqual(Object.keys(data).sort(), [
    "command",
    "exitCode",
    "id",
    "kind",
    "runtimeMessage",
  ]);
  const deletes = wrapper.calls("delete").filter(({ args }) => args.includes("a"));
  assert.equal(deletes.length, 2, "the shim's, which fails, then the daemon's");
  assert.deepEqual(await daemon.containerIds(), []);
});

Deno.test("error data: a create that was ended says so, and leaves nothing at the runtime", async () => {
  const wrapper = RuntimeWrapper.create(runDir());
  await using daemon = await TestDaemon.start({ config: wrapper.config });
  using client = await RawClient.connect(daemon.socket);
  const release = wrapper.hang("create", { after: true });
  wrapper.fail("delete", "not now", { once: true });
  const data = errorData(
    client,
    call("container.create", { id: "a", spec: daemon.spec(["true"]) }),
  );
  await wrapper.called("create", 1);
  await daemon.remove("a");
  assert.deepEqual(await data, { kind: "FailedPrecondition", id: "a", canceled: true });
  release();
  const deletes = wrapper.calls("delete").filter(({ args }) => args.includes("a"));
  assert.ok(deletes.length >= 2, "the shim's, which fails, then the daemon's");
  assert.deepEqual(await daemon.containerIds(), []);
});
