// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import { Peer } from "../../rpc/peer/peer.ts";
import { memoryPair } from "../../rpc/peer/peer_testing.ts";
import type { ShimEvent } from "../../rpc/contract/shim.ts";
import { ProcessTable } from "./process_table.ts";

const at = "2026-01-01T00:00:00.000Z";

function event(type: ShimEvent["type"], more: Partial<ShimEvent> = {}): ShimEvent {
  return { seq: 1, timestamp: at, type, pid: 7, ...more };
}

Deno.test("ProcessTable: events take a container from created to stopped", () => {
  const processes = new ProcessTable();
  processes.apply(event("create"));
  assert.equal(processes.status, "created");
  processes.apply(event("start"));
  assert.equal(processes.status, "running");
  assert.equal(processes.startedAt, at);
  processes.apply(event("paused"));
  assert.equal(processes.status, "paused");
  processes.apply(event("resumed"));
  processes.apply(event("exit", { exitStatus: 3, exitedAt: at }));
  assert.equal(processes.status, "stopped");
  assert.deepEqual(processes.exit, { exitStatus: 3, exitedAt: at });
});

Deno.test("ProcessTable: a start that is replayed after the exit does not bring the container back", () => {
  const processes = new ProcessTable();
  processes.apply(event("exit", { exitStatus: 0, exitedAt: at }));
  processes.apply(event("start"));
  assert.equal(processes.status, "stopped");
});

Deno.test("ProcessTable: an exec that exits before it is said to have started stays stopped", () => {
  const processes = new ProcessTable();
  processes.apply(event("exec-added", { execId: "e" }));
  processes.apply(event("exit", { execId: "e", exitStatus: 1, exitedAt: at, pid: 9 }));
  processes.apply(event("exec-started", { execId: "e", pid: 9 }));
  assert.deepEqual(processes.execs(), [
    { execId: "e", pid: 9, status: "stopped", exitStatus: 1, exitedAt: at },
  ]);
});

Deno.test("ProcessTable: wait answers at the exit, at once after it, and never with a second status", async () => {
  const processes = new ProcessTable();
  const early = processes.wait("c", undefined);
  processes.recordExit(undefined, { exitStatus: 5, exitedAt: at });
  processes.recordExit(undefined, { exitStatus: 137, exitedAt: at });
  assert.deepEqual(await early, { exitStatus: 5, exitedAt: at });
  assert.deepEqual(await processes.wait("c", undefined), { exitStatus: 5, exitedAt: at });
});

Deno.test("ProcessTable: wait for an unknown exec is NotFound, and a given-up wait rejects", async () => {
  const processes = new ProcessTable();
  assert.throws(() => processes.wait("c", "nope"), NotFoundError);
  const abort = new AbortController();
  const given = processes.wait("c", undefined, abort.signal);
  abort.abort(new Error("gone"));
  await assert.rejects(given, /gone/);
});

Deno.test("ProcessTable: wait leaves no listener at the signal once it has resolved", async () => {
  const processes = new ProcessTable();
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<AbortSignal["addEventListener"]>) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<AbortSignal["removeEventListener"]>) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  const waits = Array.from({ length: 3 }, () => processes.wait("c", undefined, signal));
  assert.equal(listeners, 3);
  processes.recordExit(undefined, { exitStatus: 0, exitedAt: at });
  await Promise.all(waits);
  assert.equal(listeners, 0);
});

Deno.test("ProcessTable: a loaded state forgets execs that the shim no longer has", () => {
  const processes = new ProcessTable();
  processes.apply(event("exec-added", { execId: "old" }));
  processes.load({ status: "running", pid: 7, startedAt: at, processes: [] });
  assert.deepEqual(processes.execs(), []);
  assert.equal(processes.status, "running");
});

Deno.test("ProcessTable: a state of a moment before an exit brings nothing back to life", () => {
  const processes = new ProcessTable();
  const ended = { exitStatus: 3, exitedAt: at };
  for (const type of ["create", "start"] as const) processes.apply(event(type));
  processes.apply(event("exec-added", { execId: "e", pid: 8 }));
  processes.apply(event("exec-started", { execId: "e", pid: 8 }));
  processes.apply(event("exit", { execId: "e", pid: 8, ...ended }));
  processes.apply(event("exit", ended));
  processes.load({
    status: "running",
    pid: 7,
    startedAt: at,
    processes: [{ execId: "e", pid: 8, status: "running" }],
  });
  assert.equal(processes.status, "stopped");
  assert.deepEqual(processes.execs(), [{ execId: "e", pid: 8, status: "stopped", ...ended }]);
});

Deno.test("ProcessTable.load: what the events have told stays where the shim's state says otherwise, or nothing", () => {
  const processes = new ProcessTable();
  for (const type of ["create", "start", "paused"] as const) processes.apply(event(type));
  assert.equal(processes.isAlive, true);
  const later = "2026-01-02T00:00:00.000Z";
  for (const status of ["none", "creating", "deleted"] as const) {
    processes.load({ status, pid: 0, startedAt: later, processes: [] });
    assert.deepEqual([processes.status, processes.pid, processes.startedAt], ["paused", 7, at]);
  }
  processes.load({ status: "running", pid: 8, startedAt: later, processes: [] });
  assert.deepEqual([processes.status, processes.pid, processes.startedAt], ["running", 8, at]);
});

Deno.test("ProcessTable.presume: a container with the time of its start is presumed to run", () => {
  for (const [startedAt, status] of [[undefined, "created"], [at, "running"]] as const) {
    const processes = new ProcessTable();
    processes.presume(7, startedAt);
    assert.deepEqual([processes.pid, processes.startedAt, processes.status], [
      7,
      startedAt,
      status,
    ]);
    assert.equal(processes.isAlive, status === "running");
  }
});

/** Counts the listeners of signals, until it is disposed of. */
class ListenerCount implements Disposable {
  readonly #counts = new Map<EventTarget, number>();
  readonly #undo = new DisposableStack();
  /** The listeners that each call has found at its signal, in all: the steps that it took. */
  found = 0;

  constructor() {
    const counts = this.#counts;
    const count = (target: EventTarget, type: string, by: number) => {
      if (type !== "abort") return;
      const before = counts.get(target) ?? 0;
      this.found += before;
      counts.set(target, before + by);
    };
    const { addEventListener, removeEventListener } = EventTarget.prototype;
    EventTarget.prototype.addEventListener = function (...args) {
      count(this, args[0], 1);
      return addEventListener.apply(this, args);
    };
    EventTarget.prototype.removeEventListener = function (...args) {
      count(this, args[0], -1);
      return removeEventListener.apply(this, args);
    };
    this.#undo.defer(() =>
      Object.assign(EventTarget.prototype, { addEventListener, removeEventListener })
    );
  }

  /** The listeners that are left. */
  get left(): number {
    return this.#counts.values().reduce((sum, count) => sum + count, 0);
  }

  [Symbol.dispose](): void {
    this.#undo.dispose();
  }
}

Deno.test("ProcessTable.wait: what is released fails the waits that no exit has answered", async () => {
  const processes = new ProcessTable();
  processes.apply(event("start"));
  const waits = [1, 2].map(() => processes.wait("c", undefined));
  processes.release(new NotFoundError("no container c"));
  for (const wait of waits) await assert.rejects(wait, /no container c/);
  await assert.rejects(processes.wait("c", undefined), NotFoundError);
  processes.apply(event("exit", { exitStatus: 3, exitedAt: at }));
  assert.equal((await processes.wait("c", undefined)).exitStatus, 3);
});

Deno.test("ProcessTable.wait: of many waits on a connection none looks at the others", async () => {
  const [near, far] = memoryPair();
  const processes = new ProcessTable();
  processes.apply(event("start"));
  using server = new Peer(far, {
    onError: (error) => assert.fail(String(error)),
    handlers: { wait: (_, { signal }) => processes.wait("c", undefined, signal) },
  });
  using client = new Peer(near, { onError: (error) => assert.fail(String(error)) });
  // An event target looks through its listeners for each that is added or removed: with a signal that
  // all waits of a connection share, these would take a step for each pair of them.
  using listeners = new ListenerCount();
  const waits = Array.from({ length: 1000 }, () => client.call("wait", {}));
  await until("every wait is in flight", () => server.inFlight === waits.length);
  processes.apply(event("exit", { exitStatus: 3, exitedAt: at }));
  for (const answer of await Promise.all(waits)) assert.equal(Object(answer).exitStatus, 3);
  assert.equal(listeners.left, 0);
  assert.equal(listeners.found, waits.length, "each is removed from a signal of its own");
});
