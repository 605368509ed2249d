// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TestDaemon } from "./daemon.ts";
import { EventCollector } from "./events.ts";
import { FifoReader, FifoWriter, makeFifo } from "./io/fifo.ts";
import { LeakAudit } from "./leaks/leak_audit.ts";
import { until } from "./poll.ts";
import { processesOf } from "./processes.ts";
import { baseName } from "./run.ts";

Deno.test("daemon: the harness drives a daemon through a container's life and its own death", async () => {
  await using daemon = await TestDaemon.start();
  using events = await EventCollector.subscribe(daemon.socket);
  await daemon.run("first", ["true"]);
  await events.wait({ type: "exit", id: "first" });
  await daemon.client.call("container.delete", { id: "first" });
  await events.wait({ type: "delete", id: "first" });
  assert.equal(events.types("first"), "create start exit delete");

  const audit = LeakAudit.take(daemon);
  const [stdin, stdout] = [makeFifo(daemon.dir), makeFifo(daemon.dir)];
  {
    await using reader = new FifoReader(stdout);
    await using writer = new FifoWriter(stdin);
    const spec = daemon.spec(["sh", "-c", "read line; echo got $line; exit 3"]);
    await daemon.client.call("container.create", { id: "second", spec, stdin, stdout });
    await daemon.client.call("container.start", { id: "second" });
    // Started is not yet running: the runtime's own process becomes the container's.
    await until("the container's process", () => {
      return processesOf(baseName(daemon.dir)).some(({ command }) => /^sh -c read/.test(command));
    });
    await assert.rejects(audit.assertClean({ timeoutMs: 0 }), /left over[^]*process: sh -c/);
    await daemon.restart();
    await writer.write("through\n");
    assert.equal(await reader.text(), "got through\n");
  }
  const exit = await daemon.exitOf("second");
  assert.equal(exit.exitStatus, 3);
  await daemon.client.call("container.delete", { id: "second" });
  for (const fifo of [stdin, stdout]) await Deno.remove(fifo);
  await audit.assertClean();

  assert.equal((await daemon.stop()).code, 0, daemon.log);
});

Deno.test("daemon: disposing of a daemon leaves nothing of it, whatever it has started", async () => {
  let name: string;
  {
    await using daemon = await TestDaemon.start();
    name = baseName(daemon.dir);
    await daemon.run("forgotten", ["sleep", "600"]);
    await daemon.kill9();
    assert.notDeepEqual(processesOf(name), []);
  }
  // Whose parent is gone is reaped by the machine's init, in its own time.
  assert.deepEqual(processesOf(name).filter(({ state }) => state !== "Z"), []);
});

Deno.test("daemon: a daemon that does not start says why in the error", async () => {
  await assert.rejects(TestDaemon.start({ config: "nonsense = 1" }), /nonsense/);
});

Deno.test("daemon: one that has made networks on the machine is told of, which none has that has its own", async () => {
  const networkOf = (pid: number | "self") => Deno.readLinkSync(`/proc/${pid}/ns/net`);
  const networks = (daemon: TestDaemon) =>
    Deno.mkdirSync(`${daemon.state}/network/containers`, { recursive: true });
  const daemon = await TestDaemon.start();
  networks(daemon);
  await assert.rejects(daemon[Symbol.asyncDispose](), /has made networks on the machine/);
  await using own = await TestDaemon.start({ ownNetwork: true });
  assert.notEqual(networkOf(own.pid), networkOf("self"));
  networks(own);
});
