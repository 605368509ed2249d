// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { NotFoundError } from "../../rpc/errors.ts";
import type { ShimEvent } from "../../rpc/contract/shim.ts";
import { Mirror } from "./process_table.ts";

const at = "2026-01-01T00:00:00.000Z";

function event(type: ShimEvent["type"], more: Partial<ShimEvent> = {}): ShimEvent {
  return { seq: 1, timestamp: at, type, pid: 7, ...more };
}

Deno.test("events take a container from created to stopped", () => {
  const mirror = new Mirror();
  mirror.apply(event("create"));
  assert.equal(mirror.status, "created");
  mirror.apply(event("start"));
  assert.equal(mirror.status, "running");
  assert.equal(mirror.startedAt, at);
  mirror.apply(event("paused"));
  assert.equal(mirror.status, "paused");
  mirror.apply(event("resumed"));
  mirror.apply(event("exit", { exitStatus: 3, exitedAt: at }));
  assert.equal(mirror.status, "stopped");
  assert.deepEqual(mirror.exit, { exitStatus: 3, exitedAt: at });
});

Deno.test("a start that is replayed after the exit does not bring the container back", () => {
  const mirror = new Mirror();
  mirror.apply(event("exit", { exitStatus: 0, exitedAt: at }));
  mirror.apply(event("start"));
  assert.equal(mirror.status, "stopped");
});

Deno.test("an exec that exits before it is said to have started stays stopped", () => {
  const mirror = new Mirror();
  mirror.apply(event("exec-added", { execId: "e" }));
  mirror.apply(event("exit", { execId: "e", exitStatus: 1, exitedAt: at, pid: 9 }));
  mirror.apply(event("exec-started", { execId: "e", pid: 9 }));
  assert.deepEqual(mirror.execs(), [
    { execId: "e", pid: 9, status: "stopped", exitStatus: 1, exitedAt: at },
  ]);
});

Deno.test("wait answers at the exit, at once after it, and never with a second status", async () => {
  const mirror = new Mirror();
  const early = mirror.wait("c", undefined);
  mirror.ended(undefined, { exitStatus: 5, exitedAt: at });
  mirror.ended(undefined, { exitStatus: 137, exitedAt: at });
  assert.deepEqual(await early, { exitStatus: 5, exitedAt: at });
  assert.deepEqual(await mirror.wait("c", undefined), { exitStatus: 5, exitedAt: at });
});

Deno.test("wait for an unknown exec is NotFound, and a given-up wait rejects", async () => {
  const mirror = new Mirror();
  assert.throws(() => mirror.wait("c", "nope"), NotFoundError);
  const abort = new AbortController();
  const given = mirror.wait("c", undefined, abort.signal);
  abort.abort(new Error("gone"));
  await assert.rejects(given, /gone/);
});

Deno.test("a loaded state forgets execs that the shim no longer has", () => {
  const mirror = new Mirror();
  mirror.apply(event("exec-added", { execId: "old" }));
  mirror.load({ status: "running", pid: 7, startedAt: at, processes: [] });
  assert.deepEqual(mirror.execs(), []);
  assert.equal(mirror.status, "running");
});
