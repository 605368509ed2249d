// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { wrongExecState } from "./exec_states.ts";
import { accepts, wrongState } from "./init_states.ts";

Deno.test("wrongState: a request in the wrong state names the container and its state", () => {
  assert.ok(accepts("running", "exec"));
  assert.ok(!accepts("paused", "exec"));
  assert.ok(!accepts("deleted", "create"));
  const error = wrongState("c", "delete", "paused");
  assert.ok(error instanceof FailedPreconditionError);
  assert.equal(error.message, "cannot delete container c: it is paused");
  assert.deepEqual(error.data, { id: "c", status: "paused" });
});

Deno.test("wrongExecState: a request in the wrong state names the exec, its container and its state", () => {
  const error = wrongExecState("c", "e", "start", "running");
  assert.ok(error instanceof FailedPreconditionError);
  assert.equal(error.message, "cannot start exec e of container c: it is running");
  assert.deepEqual(error.data, { id: "c", execId: "e", status: "running" });
});
