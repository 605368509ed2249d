// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { discover } from "../../src/runtime/discover.ts";
import { ERROR_CODES } from "../../src/rpc/errors.ts";
import type { Peer } from "../../src/rpc/peer/peer.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { cpuSeconds } from "../harness/memory.ts";
import { until } from "../harness/poll.ts";
import { openFiles } from "../harness/processes.ts";
import { RawClient } from "../harness/io/raw_client.ts";
import type { JsonObject } from "../harness/rootfs.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

/** Without shims that wait for a container: what is left of one is gone at once. */

const INFO = { jsonrpc: "2.0", method: "daemon.info" };

/** The error of a response, which must be one. */
function errorOf(response: unknown): { code: number; message: string; data: JsonObject } {
  const { error } = Object(response);
  assert.ok(error, `no error: ${JSON.stringify(response)}`);
  return error;
}

/** Checks that the daemon answers, on this connection and on a new one. */
async function assertServes(daemon: TestDaemon, client?: RawClient): Promise<void> {
  if (client !== undefined) {
    const answer = Object(await client.ask({ ...INFO, id: "still there" }));
    assert.equal(answer.id, "still there");
    assert.equal(answer.result.name, "berth");
  }
  using other = await RawClient.connect(daemon.socket);
  assert.equal(Object(await other.ask({ ...INFO, id: 1 })).result.pid, daemon.pid);
}

Deno.test("wire: invalid JSON, wrong messages and unknown methods get their codes, line by line", async () => {
  await using daemon = await TestDaemon.start();
  using client = await RawClient.connect(daemon.socket);
  for (
    const [line, code, id] of [
      ["{", -32700, null],
      ['{"jsonrpc":"2.0","method":"foobar, "params":"bar","baz]', -32700, null],
      ["\x00\x01", -32700, null],
      ["1", -32600, null],
      ['"daemon.info"', -32600, null],
      ["[]", -32600, null],
      ['{"jsonrpc":"2.0","method":1,"params":"bar"}', -32600, null],
      ['{"jsonrpc":"2.0","method":"no.such","id":"a"}', -32601, "a"],
      ['{"jsonrpc":"2.0","method":"toString","id":"b"}', -32601, "b"],
      ['{"jsonrpc":"2.0","method":"shim.create","id":"c"}', -32601, "c"],
      ['{"jsonrpc":"2.0","method":"daemon.info","params":[1],"id":5}', -32602, 5],
      ['{"jsonrpc":"2.0","method":"container.state","id":6}', -32602, 6],
    ] as const
  ) {
    await client.write(`${line}\n`);
    const response = Object(await client.next());
    assert.equal(errorOf(response).code, code, line);
    assert.equal(response.id, id, line);
    assert.equal(response.jsonrpc, "2.0");
  }
  await assertServes(daemon, client);
});

Deno.test("wire: unknown params are refused with their path, misfits with theirs", async () => {
  await using daemon = await TestDaemon.start();
  using client = await RawClient.connect(daemon.socket);
  const paths = async (method: string, params: JsonObject) => {
    const error = errorOf(await client.ask({ jsonrpc: "2.0", id: 1, method, params }));
    assert.equal(error.code, -32602);
    assert.equal(error.data.kind, "InvalidParams");
    assert.ok(Array.isArray(error.data.issues));
    return error.data.issues.map((issue) => Object(issue).path);
  };
  assert.deepEqual(await paths("daemon.info", { verbose: true }), ["verbose"]);
  assert.deepEqual(await paths("container.state", { id: "a", ID: "b" }), ["ID"]);
  assert.deepEqual(await paths("container.resizePty", { id: "a", width: 0, height: "x", z: 1 }), [
    "width",
    "height",
    "z",
  ]);
  assert.deepEqual(
    await paths("container.create", {
      id: "a",
      spec: daemon.spec(["true"]),
      rootfs: [{ type: "bind", source: "/", mode: "ro" }],
      labels: { a: 1 },
    }),
    ["rootfs.0.mode", "labels.a"],
  );
  assert.deepEqual(await paths("events.subscribe", { types: ["create", "born"] }), ["types.1"]);
});

Deno.test("wire: a batch is answered as one array, without its notifications", async () => {
  await using daemon = await TestDaemon.start();
  using client = await RawClient.connect(daemon.socket);
  await client.write(
    JSON.stringify([
      { ...INFO, id: "1" },
      { jsonrpc: "2.0", method: "container.list" },
      { jsonrpc: "2.0", method: "no.such", id: "2" },
      { foo: "bar" },
      { jsonrpc: "2.0", method: "container.state", params: { id: "ghost" }, id: "3" },
    ]) + "\n",
  );
  const answers = await client.next();
  assert.ok(Array.isArray(answers));
  const byId = new Map(answers.map((answer) => [Object(answer).id, answer]));
  assert.deepEqual([...byId.keys()].sort(), ["1", "2", "3", null].sort());
  assert.equal(Object(byId.get("1")).result.name, "berth");
  assert.equal(errorOf(byId.get("2")).code, -32601);
  assert.equal(errorOf(byId.get(null)).code, -32600);
  assert.equal(errorOf(byId.get("3")).code, -32001);

  // Of notifications alone nothing comes back: the next line is the answer to the next request.
  await client.write(JSON.stringify([INFO, { jsonrpc: "2.0", method: "no.such" }]) + "\n");
  await client.write(JSON.stringify({ jsonrpc: "2.0", method: "container.list" }) + "\n");
  await assertServes(daemon, client);
});

Deno.test("wire: a notification does what it says, unanswered", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("c", ["sleep", "1000"]);
  using client = await RawClient.connect(daemon.socket);
  const kill = { method: "container.kill", params: { id: "c", signal: "KILL" } };
  await client.write(JSON.stringify({ jsonrpc: "2.0", ...kill }) + "\n");
  assert.equal((await daemon.exitOf("c")).exitStatus, 137);
  await assertServes(daemon, client);
  await daemon.client.call("container.delete", { id: "c" });
});

Deno.test("wire: binary garbage costs its lines only", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  {
    using client = await RawClient.connect(daemon.socket);
    const garbage = new Uint8Array(65_536);
    for (let round = 0; round < 16; round++) {
      crypto.getRandomValues(garbage);
      garbage[garbage.length - 1] = 0x0a;
      await client.write(garbage);
    }
    await client.send({ ...INFO, id: "end" });
    let refused = 0;
    for (;;) {
      const response = Object(await client.next());
      if (response.id === "end") break;
      const { code } = errorOf(response);
      // A digit or two between line ends is JSON, and no request.
      assert.ok(code === -32700 || code === -32600, String(code));
      refused++;
    }
    assert.ok(refused > 1000, `${refused} lines`);
    await assertServes(daemon, client);
  }
  await audit.assertClean();
});

Deno.test("wire: a line of 17 MiB is refused, one of nearly 16 MiB is served, memory stays bounded", async () => {
  await using daemon = await TestDaemon.start();
  using client = await RawClient.connect(daemon.socket);
  const chunk = new Uint8Array(1024 * 1024).fill(0x20);
  const before = privateMemory(daemon.pid);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 17; i++) await client.write(chunk);
    await client.write("\n");
    const response = Object(await client.next());
    assert.equal(response.id, null);
    assert.equal(errorOf(response).code, -32600);
    await assertServes(daemon, client);
  }
  // One without an end: nothing of it is kept either, but for what is not collected yet.
  for (let i = 0; i < 256; i++) await client.write(chunk);
  assert.equal(errorOf(await client.next()).code, -32600);
  const grown = (privateMemory(daemon.pid) - before) / 1024 / 1024;
  assert.ok(grown < 128, `${grown} MiB more`);
  await client.write("\n");
  await assertServes(daemon, client);

  const padding = "x".repeat(15 * 1024 * 1024);
  const spec = daemon.spec(["no-such-command"], { annotations: { padding } });
  const params = { id: "c", spec };
  const long = await client.ask({ jsonrpc: "2.0", id: 7, method: "container.create", params });
  assert.equal(errorOf(long).code, ERROR_CODES.RuntimeError, "read to its end and tried");
  await assertServes(daemon, client);
});

Deno.test("wire: 10,000 requests in one write are all answered, once each", async () => {
  await using daemon = await TestDaemon.start();
  using client = await RawClient.connect(daemon.socket);
  const lines = Array.from(
    { length: 10_000 },
    (_, id) =>
      JSON.stringify({
        jsonrpc: "2.0",
        id,
        ...(id % 3 === 0
          ? { method: "daemon.info" }
          : id % 3 === 1
          ? { method: "container.state", params: { id: "ghost" } }
          : { method: "container.wait", params: { id: "ghost" } }),
      }) + "\n",
  );
  const written = client.write(lines.join(""));
  const seen = new Set<unknown>();
  for (let i = 0; i < lines.length; i++) {
    const response = Object(await client.next());
    assert.ok(!seen.has(response.id));
    seen.add(response.id);
    if (response.id % 3 === 0) assert.equal(response.result.name, "berth");
    else assert.equal(errorOf(response).code, -32001);
  }
  await written;
  await assertServes(daemon, client);
});

Deno.test("wire: a client that sends requests and never reads holds up nobody", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  const before = privateMemory(daemon.pid);
  {
    using stalled = await RawClient.connect(daemon.socket);
    const text = `${JSON.stringify({ ...INFO, id: 1 })}\n`.repeat(10_000);
    let blocked = false;
    const flood = (async () => {
      for (let i = 0; i < 40; i++) await stalled.write(text);
    })().catch(() => blocked = true);
    // The daemon stops to read from it long before all of it is written.
    for (let i = 0; i < 50; i++) await assertServes(daemon);
    assert.equal(await daemon.life("meanwhile"), 0);
    const grown = (privateMemory(daemon.pid) - before) / 1024 / 1024;
    assert.ok(grown < 100, `${grown} MiB more`);
    stalled[Symbol.dispose]();
    await flood;
    assert.ok(blocked, "its writes did not all get through");
  }
  await audit.assertClean();
});

Deno.test("wire: a client that is gone in the middle of a request leaves nothing half done", async () => {
  await using daemon = await TestDaemon.start({ config: COLD });
  const audit = await LeakAudit.warm(daemon);
  const wrapper = RuntimeWrapper.create(daemon.dir);

  // In the middle of the line: it is not acted on.
  {
    using client = await RawClient.connect(daemon.socket);
    const params = { id: "half", spec: daemon.spec(["true"]) };
    const line = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "container.create", params });
    await client.write(line.slice(0, -1));
  }
  // In the middle of the call: it is finished, and the container can be used.
  const release = wrapper.hang("create");
  {
    using client = await RawClient.connect(daemon.socket);
    const params = { id: "whole", spec: daemon.spec(["true"]), runtime: wrapper.path };
    await client.send({ jsonrpc: "2.0", id: 1, method: "container.create", params });
    await wrapper.called("create");
  }
  release();
  await until("the container that was asked for", async () => {
    return (await daemon.containerIds()).length === 1;
  });
  await daemon.client.call("container.start", { id: "whole" });
  assert.equal((await daemon.exitOf("whole")).exitStatus, 0);

  // While it waits for an exit: the wait goes with it.
  await daemon.run("waited", ["sleep", "1000"]);
  const descriptors = openFiles(daemon.pid).length;
  for (let i = 0; i < 20; i++) {
    using client = await RawClient.connect(daemon.socket);
    const wait = { method: "container.wait", params: { id: "waited" } };
    await client.send({ jsonrpc: "2.0", id: 1, ...wait });
    await client.send({ jsonrpc: "2.0", id: 2, method: "events.subscribe" });
    assert.equal(Object(await client.next()).id, 2);
  }
  await until(
    "the end of all of its connections",
    () => openFiles(daemon.pid).length <= descriptors,
  );
  await daemon.remove("waited");
  await daemon.client.call("container.delete", { id: "whole" });
  await audit.assertClean({ ignoreFiles: /^runtime/ });
});

Deno.test("wire: answers come as calls finish, a long wait does not hold up the others", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("c", ["sleep", "1000"]);
  using client = await RawClient.connect(daemon.socket);
  const call = (id: number, method: string, params: JsonObject) =>
    client.send({ jsonrpc: "2.0", id, method, params });
  await call(1, "container.wait", { id: "c" });
  await call(2, "container.state", { id: "c" });
  assert.equal(Object(await client.next()).id, 2);
  await call(3, "container.kill", { id: "c", signal: 9 });
  const last = [Object(await client.next()), Object(await client.next())];
  assert.deepEqual(last.map(({ id }) => id).sort(), [1, 3]);
  assert.equal(last.find(({ id }) => id === 1)?.result.exitStatus, 137);
  await daemon.client.call("container.delete", { id: "c" });
});

Deno.test("wire: 64 clients at once each get what they asked for", async () => {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  await daemon.run("shared", ["sleep", "1000"]);
  await Promise.all(Array.from({ length: 64 }, async (_, number) => {
    using client = await RawClient.connect(daemon.socket);
    for (let i = 0; i < 50; i++) {
      const id = `${number}-${i}`;
      const params = { id: i % 2 === 0 ? "shared" : `ghost-${id}` };
      const answer = Object(
        await client.ask({ jsonrpc: "2.0", id, method: "container.state", params }),
      );
      assert.equal(answer.id, id);
      if (i % 2 === 0) assert.equal(answer.result.status, "running");
      else assert.equal(errorOf(answer).data.id, params.id);
    }
  }));
  await daemon.remove("shared");
  await audit.assertClean();
});

Deno.test("rpc.discover: the document is made for the first client that asks, not for each", async () => {
  const times = 40;
  const making = cpuSeconds(Deno.pid);
  for (let i = 0; i < times; i++) discover();
  const made = cpuSeconds(Deno.pid) - making;
  await using daemon = await TestDaemon.start();
  using closed = new DisposableStack();
  const peers: Peer[] = [];
  for (let i = 0; i < times; i++) peers.push(closed.use(await daemon.connect()));
  const answering = cpuSeconds(daemon.pid);
  // Those that ask while it is made for the first wait for it.
  await Promise.all(peers.map((peer) => peer.call("rpc.discover", {})));
  const answered = cpuSeconds(daemon.pid) - answering;
  assert(answered < made / 2, `${answered} s to answer what takes ${made} s to make`);
});

/** Bytes of memory that the process has for itself (proc_pid_smaps(5)). */
function privateMemory(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  return [...text.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)]
    .reduce((sum, [, kilobytes]) => sum + Number(kilobytes) * 1024, 0);
}
