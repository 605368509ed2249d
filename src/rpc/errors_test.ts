// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  AlreadyExistsError,
  BerthError,
  CancelledError,
  DeadlineExceededError,
  FailedPreconditionError,
  NetworkError,
  NotFoundError,
  ResourceExhaustedError,
  RuntimeError,
  UnavailableError,
} from "./errors.ts";

Deno.test("errors: each class stands for its kind and code, and keeps its cause and data", () => {
  const cases = [
    [NotFoundError, "NotFound", "NotFoundError", -32001],
    [AlreadyExistsError, "AlreadyExists", "AlreadyExistsError", -32002],
    [FailedPreconditionError, "FailedPrecondition", "FailedPreconditionError", -32003],
    [UnavailableError, "Unavailable", "UnavailableError", -32004],
    [RuntimeError, "RuntimeError", "RuntimeError", -32005],
    [DeadlineExceededError, "DeadlineExceeded", "DeadlineExceededError", -32006],
    [ResourceExhaustedError, "ResourceExhausted", "ResourceExhaustedError", -32007],
    [NetworkError, "NetworkError", "NetworkError", -32008],
    [CancelledError, "Cancelled", "CancelledError", -32800],
  ] as const;
  for (const [Class, kind, name, code] of cases) {
    const cause = new Error("why");
    const error = new Class("what", { cause, data: { id: "c1" } });
    assert.ok(error instanceof BerthError && error instanceof Class);
    assert.deepEqual(
      [error.message, error.kind, error.name, error.code, error.cause, error.data],
      ["what", kind, name, code, cause, { id: "c1" }],
    );
    for (const [Other] of cases) assert.equal(error instanceof Other, Other === Class);
  }
});

Deno.test("errors: a class that extends one of a kind is of that kind", () => {
  class SlowError extends DeadlineExceededError {}
  const { kind, code, name } = new SlowError("what");
  assert.deepEqual([kind, code, name], ["DeadlineExceeded", -32006, "DeadlineExceededError"]);
});
