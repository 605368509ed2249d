// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ResourceExhaustedError } from "../rpc/errors.ts";
import { ExecProcessRequest } from "./messages/task.ts";
import { decode, encode } from "./protobuf/codec.ts";
import { RequestBudget } from "./request_budget.ts";

const MIB = 1024 * 1024;

function request(text: string, stdout = "") {
  const value = new TextEncoder().encode(text);
  return decode(ExecProcessRequest, encode(ExecProcessRequest, { spec: { value }, stdout }));
}

Deno.test("RequestBudget refuses what does not fit beside the rest, and takes it when that is less", () => {
  const budget = new RequestBudget();
  const large = request(`{"a":"${"x".repeat(4 * MIB - 5000)}"}`);
  const held = Array.from({ length: 8 }, () => budget.holdExec(large));
  const refused = () => {
    assert.throws(() => budget.holdExec(large), (error: unknown) => {
      assert.ok(error instanceof ResourceExhaustedError);
      assert.match(
        error.message,
        /^execs that are not started and .* take \d+ bytes .*: start or delete/,
      );
      return true;
    });
  };
  refused();
  held[0]?.[Symbol.dispose]();
  held[0]?.[Symbol.dispose]();
  budget.holdExec(large);
  refused();
});

Deno.test("RequestBudget counts what values, execs and paths take beside the text", () => {
  const fitting = (exec: ReturnType<typeof request>) => {
    const budget = new RequestBudget();
    for (let count = 0;; count++) {
      try {
        budget.holdExec(exec);
      } catch (error) {
        assert.ok(error instanceof ResourceExhaustedError);
        return count;
      }
    }
  };
  assert.equal(fitting(request("")), 7943);
  assert.equal(fitting(request("", "x".repeat(MIB))), 31);
  for (const value of ["[]", "{}", "0"]) {
    // An array of a million takes tens of megabytes.
    assert.equal(fitting(request(`[${new Array(MIB).fill(value).join()}]`)), 0);
  }
  // As a script has them, or data for it.
  assert.equal(fitting(request(JSON.stringify(["sh", "-c", "[{,".repeat(MIB / 4)]))), 42);
  // What an exec of containerd has, with some hundred variables.
  const env = Array.from({ length: 200 }, (_, n) => `VARIABLE_${n}=${"x".repeat(30)}`);
  assert.ok(fitting(request(JSON.stringify({ args: ["sh"], env }))) > 700);
});

Deno.test("RequestBudget counts large calls for as long as they run, and no small ones", () => {
  const budget = new RequestBudget();
  const large = new Uint8Array(4 * MIB - 5000);
  const held = Array.from({ length: 8 }, () => budget.holdCall(large));
  assert.throws(() => budget.holdCall(large), ResourceExhaustedError);
  assert.throws(
    () => budget.holdExec(request(`{"a":"${"x".repeat(MIB)}"}`)),
    ResourceExhaustedError,
  );
  for (let count = 0; count < 10_000; count++) budget.holdCall(new Uint8Array(4096));
  held[0]?.[Symbol.dispose]();
  budget.holdCall(large);
  // Parsed, it would take hundreds of megabytes.
  const values = new TextEncoder().encode("{},".repeat(MIB));
  assert.throws(() => new RequestBudget().holdCall(values), ResourceExhaustedError);
});
