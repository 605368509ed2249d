// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { AlreadyExistsError, connect, NotFoundError, UnavailableError } from "../../mod.ts";
import type { Client, StreamedEvent } from "../../mod.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until, within } from "../harness/poll.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { readProcess, untilRuns } from "../harness/processes.ts";
import { runDir, uniqueName } from "../harness/run.ts";

/** A temporary directory that only clients of this test use, for their FIFOs. */
class PrivateTmp implements Disposable {
  readonly #dir = `${runDir()}/${uniqueName("tmp")}`;
  readonly #before = Deno.env.get("TMPDIR");

  constructor() {
    Deno.mkdirSync(this.#dir);
    Deno.env.set("TMPDIR", this.#dir);
  }

  entries(): string[] {
    return Array.from(Deno.readDirSync(this.#dir), ({ name }) => name);
  }

  [Symbol.dispose](): void {
    if (this.#before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", this.#before);
    Deno.removeSync(this.#dir, { recursive: true });
  }
}

async function write(stream: WritableStream<Uint8Array> | undefined, text: string): Promise<void> {
  const writer = stream?.getWriter();
  await writer?.write(new TextEncoder().encode(text));
  await writer?.close();
}

async function take(client: Client, count: number, after: number): Promise<StreamedEvent[]> {
  const events: StreamedEvent[] = [];
  for await (const event of client.events({ after })) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}

Deno.test("client: the client drives a container's life, with its streams", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.life("first");
  const audit = LeakAudit.take(daemon);
  using tmp = new PrivateTmp();
  {
    await using client = await connect({ socket: daemon.socket });
    assert.equal((await client.info()).pid, daemon.pid);
    await using container = await client.create({
      id: "piped",
      spec: daemon.spec(["sh", "-c", "cat; echo bad >&2; sleep 600"]),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      labels: { by: "client" },
    });
    assert(await container.start() > 0);
    await write(container.stdin, "through and through\n");

    await using exec = await container.exec({
      process: { args: ["sh", "-c", "read a; echo got $a; exit 7"] },
      stdin: "piped",
      stdout: "piped",
    });
    await write(exec.stdin, "this\n");
    assert.equal(await new Response(exec.stdout).text(), "got this\n");
    assert.equal((await exec.wait()).exitStatus, 7);
    assert.equal((await exec.delete()).pid, exec.pid);

    await container.pause();
    assert.equal((await container.state()).status, "paused");
    await container.resume();
    assert((await container.stats()).pids !== undefined);
    // Its last process comes when everything is written.
    await until("the process that sleeps", async () => {
      const processes = await container.pids();
      return processes.some(({ pid }) => readProcess(pid)?.command === "sleep 600");
    });
    const [state] = await client.list();
    assert.deepEqual(state?.labels, { by: "client" });

    const output = new Response(container.stdout).text();
    const errors = new Response(container.stderr).text();
    await container.kill("KILL", { all: true });
    assert.equal((await container.wait()).exitStatus, 137);
    assert.equal(await within("the end of stdout", output), "through and through\n");
    assert.equal(await within("the end of stderr", errors), "bad\n");
    assert.equal((await container.delete()).exitStatus, 137);
  }
  await audit.assertClean();
  await until("the FIFOs to be gone", () => tmp.entries().length === 0);
});

Deno.test("client: streams that nobody reads are closed with the handle, and the container goes on", async () => {
  await using daemon = await TestDaemon.start();
  using tmp = new PrivateTmp();
  await using client = await connect({ socket: daemon.socket });
  {
    await using container = await client.create({
      id: "unread",
      spec: daemon.spec(["sh", "-c", "echo one; exec sleep 600"]),
      stdout: "piped",
      stderr: "piped",
    });
    await container.start();
    const reader = container.stdout?.getReader();
    assert.equal(new TextDecoder().decode((await reader?.read())?.value), "one\n");
    // Under way when the handle is disposed of.
    void reader?.read();
  }
  assert.deepEqual(tmp.entries(), []);
  const container = client.container("unread");
  assert.equal((await container.state()).status, "running");
  await container.delete({ force: true });
});

Deno.test("client: errors are classes by their kind, and calls can be given up", async () => {
  await using daemon = await TestDaemon.start();
  using tmp = new PrivateTmp();
  await using client = await connect({ socket: daemon.socket });
  const spec = daemon.spec(["sleep", "600"]);
  const container = await client.create({ id: "taken", spec });
  await assert.rejects(
    client.create({ id: "taken", spec, stdin: "piped", stdout: "piped" }),
    (error) => error instanceof AlreadyExistsError && error.data.id === "taken",
  );
  assert.deepEqual(tmp.entries(), []);
  await assert.rejects(client.container("none").start(), NotFoundError);
  await container.start();
  await assert.rejects(container.wait({ signal: AbortSignal.timeout(50) }), {
    name: "TimeoutError",
  });
  await assert.rejects(container.wait({ timeoutMs: 50 }), { name: "DeadlineExceededError" });
  await container.delete({ force: true });
  const nowhere = connect({ socket: `${daemon.dir}/nowhere.sock` });
  await assert.rejects(nowhere, (error) => {
    return error instanceof UnavailableError && error.data.errno === "ENOENT";
  });
});

Deno.test("client: wait and events go on over a daemon that is killed and started again", async () => {
  await using daemon = await TestDaemon.start();
  await using client = await connect({ socket: daemon.socket });
  await using events = client.events();
  await events.ready;
  const container = await client.create({ id: "lives", spec: daemon.spec(["sleep", "600"]) });
  const pid = await container.start();
  // The runtime's init, which it is at first, would die of SIGTERM.
  await untilRuns(pid, "sleep 600");
  const exit = container.wait();
  await daemon.kill9();
  await daemon.start();
  await daemon.connected("lives");
  await container.pause();
  await container.resume();
  await container.kill("TERM", { all: true });
  await container.kill("KILL");
  assert.equal((await within("the exit", exit)).exitStatus, 137);
  await container.delete();

  const seen: StreamedEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (event.type === "delete") break;
  }
  assert.equal(
    seen.map((event) => event.type).join(" "),
    "create start paused resumed exit delete",
  );
  assert.deepEqual(seen.map(({ seq }) => seq), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(seen.map(({ gap }) => gap), Array(6).fill(undefined));
  // Everything can be told again, to any client.
  assert.deepEqual(await take(client, 6, 0), seen);
  assert.deepEqual((await take(client, 1, 5)).map(({ type }) => type), ["delete"]);
});

Deno.test("client: events say where the daemon does not keep what was asked for", async () => {
  await using daemon = await TestDaemon.start({
    config: "[events]\nsegment_bytes = 4096\nsegments = 2",
  });
  await using client = await connect({ socket: daemon.socket });
  const container = await client.create({ id: "many", spec: daemon.spec(["sleep", "600"]) });
  await container.start();
  for (let round = 0; round < 40; round++) {
    await container.pause();
    await container.resume();
  }
  const [first, second] = await take(client, 2, 1);
  assert(first !== undefined && first.seq > 2);
  assert.equal(first.gap, true);
  assert.equal(second?.gap, undefined);
  await container.delete({ force: true });
});

Deno.test("client: an event stream ends with its signal, its client, and where no daemon is", async () => {
  await using daemon = await TestDaemon.start();
  const client = await connect({ socket: daemon.socket });
  const abort = new AbortController();
  const aborted = client.events({ signal: abort.signal });
  await aborted.ready;
  const next = aborted.next();
  abort.abort(new Error("enough"));
  await assert.rejects(next, /enough/);

  const closed = client.events();
  await closed.ready;
  const last = closed.next();
  await client.close();
  assert.equal((await last).done, true);
  await assert.rejects(client.info(), UnavailableError);

  await using other = await connect({ socket: daemon.socket });
  await daemon.kill9();
  await assert.rejects(other.events().next(), UnavailableError);
});

Deno.test("client: a socket whose path is longer than the system's limit can be connected to", async () => {
  const state = `${runDir()}/${uniqueName("state")}-${"deep".repeat(30)}`;
  await using daemon = await TestDaemon.start({ state });
  await using client = await connect({ socket: daemon.socket });
  assert(daemon.socket.length > 130);
  assert.equal((await client.info()).state, state);
  await daemon.stop();
  await Deno.remove(state, { recursive: true });
});
