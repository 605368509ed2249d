// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type InstanceEvent, InstanceState } from "./instance_state.ts";

function statusAfter(...types: readonly InstanceEvent["type"][]): string {
  const state = new InstanceState("all");
  for (const type of types) {
    state.apply({ type, timestamp: "2026-01-01T00:00:00.000Z", pid: 7, exitStatus: 0 });
  }
  return state.status;
}

Deno.test("InstanceState.apply pauses only what runs, and resumes only what is paused", () => {
  assert.equal(statusAfter("create", "start", "paused"), "paused");
  assert.equal(statusAfter("create", "start", "paused", "resumed"), "running");
  assert.equal(statusAfter("create", "paused"), "created");
  assert.equal(statusAfter("create", "resumed"), "created");
  assert.equal(statusAfter("create", "start", "exit", "paused"), "stopped");
  assert.equal(statusAfter("create", "start", "exit", "resumed"), "stopped");
  assert.equal(statusAfter("create", "start", "exit", "start"), "stopped");
});
