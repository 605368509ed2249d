// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../tests/harness/poll.ts";
import { FdReserve } from "../linux/fd/fd_reserve.ts";
import { Poller } from "../linux/fd/poller.ts";
import { startTime } from "../linux/process/process.ts";
import { Reaper } from "../linux/process/reaper.ts";
import { SIGTERM } from "../linux/process/signals.ts";
import type { BundlePaths } from "../oci/bundle_layout.ts";
import { dial } from "../rpc/transport/dial.ts";
import { NotFoundError } from "../rpc/errors.ts";
import type { Peer } from "../rpc/peer/peer.ts";
import type { ShimEvent, ShimState } from "../rpc/contract/shim.ts";
import { hasTrap } from "../../tests/harness/processes.ts";
import { readExecRecords } from "./exec/exec_record.ts";
import { ShimService } from "./service.ts";
import type { TestContainer } from "./testing/bundle_testing.ts";
import { TestArea } from "./testing/bundle_testing.ts";
import { TestShim } from "./testing/shim_testing.ts";

/** A container that is served by one shim after the other, and what each has told of it. */
class Served implements AsyncDisposable {
  readonly area = new TestArea({ reaper: false });
  readonly paths: BundlePaths;
  readonly events: ShimEvent[] = [];
  #shim: TestShim | undefined;
  #peer: Peer | undefined;
  #shims = 0;

  constructor(container: TestContainer = {}) {
    this.paths = this.area.bundle(container);
  }

  /** Has a new shim serve the bundle; its events are not asked for yet. */
  async serve(adopt: boolean): Promise<void> {
    const shim = await TestShim.start(this.area, `shims${++this.#shims}`);
    this.#shim = shim;
    await shim.control.call("shim.serve", { bundle: this.paths.dir, ...(adopt ? { adopt } : {}) });
    const peer = await dial(this.paths.shimSocket, { onError: console.error });
    peer.onNotification("shim.event", (event) => void this.events.push(event as ShimEvent));
    this.#peer = peer;
  }

  /** Asks for the events above those that a daemon would have. */
  async follow(after = this.events.at(-1)?.seq ?? 0): Promise<void> {
    await this.call("shim.events", { after });
  }

  /** Kills the shim. */
  async kill(): Promise<void> {
    await this.#shim?.[Symbol.asyncDispose]();
    this.#peer?.close();
  }

  /** Kills the shim and has another one take over. */
  async adopt(): Promise<void> {
    await this.kill();
    await this.serve(true);
    await this.follow();
  }

  call(method: string, params: unknown = {}): Promise<unknown> {
    assert.ok(this.#peer);
    return this.#peer.call(method, params);
  }

  async state(): Promise<ShimState> {
    return await this.call("shim.state") as ShimState;
  }

  async wait(execId?: string): Promise<number> {
    const params = execId === undefined ? {} : { execId };
    return (await this.call("shim.wait", params) as { exitStatus: number }).exitStatus;
  }

  /** What was told, with its numbers. */
  get story(): string {
    return this.events.map(({ seq, type, execId }) =>
      `${seq} ${type}${execId === undefined ? "" : `:${execId}`}`
    ).join(", ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.call("shim.kill", { signal: 9 });
      await this.call("shim.delete");
    } catch {
      // Most tests have deleted it.
    }
    await this.kill();
    await this.area[Symbol.asyncDispose]();
  }
}

function alive(pid: number): boolean {
  return startTime(pid) !== undefined;
}

/** Ends a process behind berth's back, and waits until its parent has reaped it. */
async function kill(pid: number): Promise<void> {
  Deno.kill(pid, "SIGKILL");
  await until(`process ${pid} is gone`, () => !alive(pid));
}

Deno.test("adopt: an adopted container that has just ended can be deleted, though nobody was told yet", async () => {
  await using served = new Served();
  await served.serve(false);
  const { pid } = await served.call("shim.create") as { pid: number };
  await served.kill();
  using reaper = Reaper.start({ reapAll: false });
  using poller = new Poller();
  using reserve = new FdReserve();
  const service = new ShimService({
    bundleDir: served.paths.dir,
    adoptable: true,
    reaper,
    poller,
    reserve,
    log: () => {},
  });
  await service.adopt();
  Deno.kill(pid, "SIGKILL");
  // Without a turn of the event loop in which the poller could tell.
  while (alive(pid));
  assert.equal((await service.delete({})).exitStatus, 137);
  await service.release();
});

Deno.test("adopt: a running container is adopted with its exec and does all it did before", async () => {
  await using served = new Served();
  await served.serve(false);
  await served.follow();
  const { pid } = await served.call("shim.create") as { pid: number };
  await served.call("shim.start");
  const exec = await served.call("shim.exec", {
    execId: "old",
    process: { args: ["/bin/sh", "-c", "trap 'exit 6' TERM; while :; do sleep 0.05; done"] },
  }) as { pid: number };
  await until("its trap is set", () => hasTrap(exec.pid, SIGTERM));
  await served.adopt();
  const state = await served.state();
  assert.deepEqual([state.status, state.pid], ["running", pid]);
  assert.deepEqual(state.processes, [{ execId: "old", pid: exec.pid, status: "running" }]);
  assert.equal(served.story, "1 create, 2 start, 3 exec-added:old, 4 exec-started:old");

  await served.call("shim.kill", { execId: "old", signal: "TERM" });
  assert.equal(await served.wait("old"), 6);
  await served.call("shim.exec", { execId: "new", process: { args: ["/bin/sh", "-c", "exit 3"] } });
  assert.equal(await served.wait("new"), 3);
  await served.call("shim.delete", { execId: "new" });
  assert.deepEqual(readExecRecords(served.paths.dir).map(({ execId }) => execId), ["old"]);
  await served.call("shim.pause");
  await served.call("shim.resume");
  await served.call("shim.kill", { signal: "KILL" });
  assert.equal(await served.wait(), 137);
  await assert.rejects(served.call("shim.kill", { signal: 15 }), NotFoundError);
  await served.call("shim.delete");
  assert.equal(
    served.story,
    "1 create, 2 start, 3 exec-added:old, 4 exec-started:old, 5 exit:old, " +
      "6 exec-added:new, 7 exec-started:new, 8 exit:new, 9 paused, 10 resumed, 11 exit",
  );
  assert.deepEqual(Array.from(Deno.readDirSync(served.area.runtimeRoot)), []);
});

Deno.test("adopt: a created container is adopted and can be started", async () => {
  await using served = new Served({ args: ["/bin/sh", "-c", "exit 7"] });
  await served.serve(false);
  await served.follow();
  await served.call("shim.create");
  await served.adopt();
  assert.equal((await served.state()).status, "created");
  await served.call("shim.start");
  assert.equal(await served.wait(), 7);
  await served.call("shim.delete");
  assert.equal(served.story, "1 create, 2 start, 3 exit");
});

Deno.test("adopt: a paused container is adopted as paused, and dies of SIGKILL", async () => {
  await using served = new Served();
  await served.serve(false);
  await served.follow();
  await served.call("shim.create");
  await served.call("shim.start");
  await served.call("shim.pause");
  await served.adopt();
  assert.equal((await served.state()).status, "paused");
  await served.call("shim.kill", { signal: 9 });
  assert.equal(await served.wait(), 137);
  await served.call("shim.delete");
  assert.equal(served.story, "1 create, 2 start, 3 paused, 4 exit");
});

Deno.test("adopt: events that a dead shim could not tell are told by the next one", async () => {
  await using served = new Served();
  await served.serve(false);
  await served.call("shim.create");
  await served.call("shim.start");
  await served.call("shim.exec", { execId: "e", process: { args: ["/bin/sh", "-c", "exit 4"] } });
  assert.equal(await served.wait("e"), 4);
  await served.kill();
  await served.serve(true);
  assert.equal(served.story, "", "nothing before it is known how far the daemon is");
  await served.follow(3);
  await until("all is told", () => served.events.length === 2);
  assert.equal(served.story, "4 exec-started:e, 5 exit:e");
  assert.equal(served.events[1]?.exitStatus, 4);
});

Deno.test("adopt: what died unseen is told as unknown, execs before init", async () => {
  await using served = new Served();
  await served.serve(false);
  await served.follow();
  const { pid } = await served.call("shim.create") as { pid: number };
  await served.call("shim.start");
  await served.call("shim.exec", { execId: "e", process: { args: ["/bin/sleep", "1000"] } });
  await served.kill();
  await kill(pid);
  await served.serve(true);
  await served.follow();
  assert.equal(await served.wait(), 137);
  const state = await served.state();
  assert.deepEqual([state.status, state.exitStatusUnknown], ["stopped", true]);
  assert.deepEqual(state.processes.map((exec) => exec.exitStatusUnknown), [true]);
  for (const params of [{}, { execId: "e" }]) {
    const exit = await served.call("shim.wait", params) as { exitStatusUnknown?: boolean };
    assert.equal(exit.exitStatusUnknown, true);
  }
  for (const params of [{ execId: "e" }, {}]) {
    const exit = await served.call("shim.delete", params) as { exitStatusUnknown?: boolean };
    assert.equal(exit.exitStatusUnknown, true);
  }
  assert.equal(
    served.story,
    "1 create, 2 start, 3 exec-added:e, 4 exec-started:e, 5 exit:e, 6 exit",
  );
  assert.ok(served.events.slice(4).every((event) => event.exitStatusUnknown));
});

Deno.test("adopt: an exit that a dead shim has recorded is the one that is told", async () => {
  await using served = new Served({ args: ["/bin/sh", "-c", "exit 9"] });
  await served.serve(false);
  const { pid } = await served.call("shim.create") as { pid: number };
  await served.call("shim.start");
  assert.equal(await served.wait(), 9);
  await served.kill();
  await served.serve(true);
  await served.follow(2);
  assert.equal(await served.wait(), 9);
  const { exitedAt } = JSON.parse(Deno.readTextFileSync(served.paths.exitRecord));
  assert.deepEqual(await served.call("shim.delete"), { pid, exitStatus: 9, exitedAt });
  assert.equal(served.story, "3 exit");
});

Deno.test("adopt: a bundle without a container is adopted as that", async () => {
  await using served = new Served();
  await served.serve(true);
  await served.follow();
  assert.equal((await served.state()).status, "none");
  assert.deepEqual(served.events, []);
});

Deno.test("adopt: a pid that is another process's by now is left alone", async () => {
  await using served = new Served();
  await served.serve(false);
  await served.follow();
  const { pid } = await served.call("shim.create") as { pid: number };
  await served.call("shim.start");
  await served.kill();
  await kill(pid);
  await using stranger = new Deno.Command("sleep", { args: ["1000"] }).spawn();
  Deno.writeTextFileSync(served.paths.initPid, String(stranger.pid));
  await served.serve(true);
  await served.follow();
  assert.equal((await served.state()).status, "stopped");
  await assert.rejects(served.call("shim.kill", { signal: 9 }), NotFoundError);
  await served.call("shim.delete");
  assert.ok(alive(stranger.pid));
});

Deno.test("adopt: output and input go on under the shim that adopts", async () => {
  const area = new TestArea({ reaper: false });
  const [stdin, stdout] = [area.fifo("in"), area.fifo("out")];
  await using _area = area;
  await using served = new Served({
    args: ["/bin/sh", "-c", "while :; do echo tick; sleep 0.02; done"],
    stdio: { stdin, stdout },
  });
  await served.serve(false);
  await served.follow();
  await served.call("shim.create");
  await served.call("shim.start");
  await served.adopt();
  using reader = await Deno.open(stdout, { read: true });
  const buffer = new Uint8Array(4096);
  for (let count = 0; count < 20; count++) assert.ok((await reader.read(buffer) ?? 0) > 0);
  await served.call("shim.closeStdin");
  await served.call("shim.kill", { signal: 9 });
  await served.wait();
  while (await reader.read(buffer) !== null);
  await served.call("shim.delete");
});
