// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { BerthError, InvalidParamsError, NotFoundError, RuntimeError } from "../errors.ts";
import { fromWire, toWire } from "./error_codec.ts";

Deno.test("fromWire: an error comes out of the wire as it went in", () => {
  const error = new RuntimeError("runc create c1: exec failed", {
    data: { id: "c1", exitCode: 1, command: "create" },
  });
  const back = fromWire(JSON.parse(JSON.stringify(toWire(error))));
  assert(back instanceof RuntimeError);
  assert.equal(back.message, error.message);
  assert.deepEqual(back.data, error.data);
  const invalid = fromWire(toWire(new InvalidParamsError("m", [{ path: "a.b", message: "no" }])));
  assert(invalid instanceof InvalidParamsError);
  assert.deepEqual(invalid.issues, [{ path: "a.b", message: "no" }]);
});

Deno.test("toWire: what is thrown gets a kind, and no stack goes out", () => {
  const full = Object.assign(new Error("write /x: no space left"), { code: "ENOSPC" });
  const cases: [unknown, number, string][] = [
    [new NotFoundError("no container c1"), -32001, "NotFound"],
    [full, -32007, "ResourceExhausted"],
    [new DOMException("late", "TimeoutError"), -32006, "DeadlineExceeded"],
    [new DOMException("gone", "AbortError"), -32004, "Unavailable"],
    [new TypeError("x is undefined"), -32603, "Internal"],
    ["a string", -32603, "Internal"],
    [undefined, -32603, "Internal"],
  ];
  for (const [thrown, code, kind] of cases) {
    const wire = toWire(thrown);
    assert.equal(wire.code, code);
    assert.equal(wire.data.kind, kind);
    assert(!JSON.stringify(wire).includes(".ts:"));
  }
});

Deno.test("toWire: the data of an error cannot replace its kind", () => {
  const wire = toWire(new NotFoundError("x", { data: { kind: "Internal" } }));
  assert.equal(wire.data.kind, "NotFound");
});

Deno.test("fromWire: an error of an unknown code and kind is Internal, a known code decides without a kind", () => {
  assert.equal(fromWire({ code: 7, message: "x", data: { kind: "Weird" } }).kind, "Internal");
  assert.equal(fromWire({ code: -32002, message: "x" }).kind, "AlreadyExists");
});

Deno.test("fromWire: anything at all can stand where an error object should", () => {
  fc.assert(fc.property(fc.anything(), (value) => {
    assert(fromWire(value) instanceof BerthError);
    assert.equal(typeof toWire(value).data.kind, "string");
  }));
});
