// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ResourceExhaustedError } from "../rpc/errors.ts";
import { ExecProcessRequest } from "./messages/task.ts";
import { decode, encode } from "./protobuf/codec.ts";
import { ExecSpecs } from "./exec_specs.ts";

const MIB = 1024 * 1024;

function request(text: string, stdout = "") {
  const value = new TextEncoder().encode(text);
  return decode(ExecProcessRequest, encode(ExecProcessRequest, { spec: { value }, stdout }));
}

Deno.test("ExecSpecs refuses what does not fit beside the rest, and takes it when that is less", () => {
  const specs = new ExecSpecs();
  const large = request(`{"a":"${"x".repeat(4 * MIB - 5000)}"}`);
  const held = Array.from({ length: 8 }, () => specs.hold(large));
  const refused = () => {
    assert.throws(() => specs.hold(large), (error: unknown) => {
      assert.ok(error instanceof ResourceExhaustedError);
      assert.match(error.message, /^execs that are not started take \d+ bytes .*: start or delete/);
      return true;
    });
  };
  refused();
  held[0]?.[Symbol.dispose]();
  held[0]?.[Symbol.dispose]();
  specs.hold(large);
  refused();
});

Deno.test("ExecSpecs counts what values, execs and paths take beside the text", () => {
  const fitting = (exec: ReturnType<typeof request>) => {
    const specs = new ExecSpecs();
    for (let count = 0;; count++) {
      try {
        specs.hold(exec);
      } catch (error) {
        assert.ok(error instanceof ResourceExhaustedError);
        return count;
      }
    }
  };
  assert.equal(fitting(request("")), 8192);
  assert.equal(fitting(request("", "x".repeat(MIB))), 31);
  for (const value of ["[]", "{}", "0"]) {
    // An array of a million takes tens of megabytes.
    assert.equal(fitting(request(`[${new Array(MIB).fill(value).join()}]`)), 0);
  }
  // What an exec of containerd has, with some hundred variables.
  const env = Array.from({ length: 200 }, (_, n) => `VARIABLE_${n}=${"x".repeat(30)}`);
  assert.ok(fitting(request(JSON.stringify({ args: ["sh"], env }))) > 700);
});
