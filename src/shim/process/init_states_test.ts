// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { nextExecState } from "./exec_states.ts";
import { allows, nextState } from "./init_states.ts";

Deno.test("each state allows what it should and names itself when it does not", () => {
  assert.equal(nextState("c", "created", "start"), "running");
  assert.equal(nextState("c", "running", "pause"), "paused");
  assert.equal(nextState("c", "paused", "exit"), "stopped");
  assert.equal(nextState("c", "created", "exit"), "stopped");
  assert.equal(nextState("c", "creating", "create-failed"), "none");
  assert.ok(!allows("paused", "exec"));
  assert.ok(!allows("deleted", "create"));
  assert.throws(() => nextState("c", "paused", "delete"), (error: Error) => {
    assert.ok(error instanceof FailedPreconditionError);
    assert.equal(error.message, "cannot delete container c: it is paused");
    assert.deepEqual(error.data, { id: "c", status: "paused" });
    return true;
  });
});

Deno.test("an exec is deleted only once it has stopped", () => {
  assert.equal(nextExecState("c", "e", "creating", "started"), "running");
  assert.equal(nextExecState("c", "e", "running", "exit"), "stopped");
  assert.equal(nextExecState("c", "e", "stopped", "delete"), "deleted");
  assert.throws(
    () => nextExecState("c", "e", "running", "delete"),
    /cannot delete exec e of container c: it is running/,
  );
});
