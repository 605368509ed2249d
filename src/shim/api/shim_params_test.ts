// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { shimContract } from "../../rpc/contract/shim.ts";
import { checkParams } from "../../rpc/contract/check_params.ts";
import { SHIM_PARAMS } from "./shim_params.ts";

/** Values that a member may have or not; each method is tried with each in each place. */
const VALUES: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  1,
  9,
  64,
  65,
  -1,
  1.5,
  65535,
  65536,
  "",
  "a",
  "KILL",
  "../x",
  "x".repeat(76),
  "x".repeat(77),
  "/abs/path",
  "file:///abs/path",
  "file://rel",
  [],
  {},
  { args: [] },
  { args: [1] },
  { args: ["/bin/true"], env: ["A=b"] },
];

/** Params that fit each method that needs some. */
const FITTING: Readonly<Record<string, Record<string, unknown>>> = {
  "shim.exec": { execId: "e", process: { args: ["/bin/true"] } },
  "shim.kill": { signal: "TERM" },
  "shim.resizePty": { width: 80, height: 24 },
  "shim.update": { resources: {} },
  "shim.checkpoint": { path: "/tmp/x" },
  "shim.events": { after: 0 },
  "shim.ack": { seq: 1 },
  "shim.serve": { bundle: "/tmp/x" },
};

function issuesOf(method: keyof typeof SHIM_PARAMS, params: unknown): string[] {
  try {
    checkParams(method, SHIM_PARAMS[method], params);
    return [];
  } catch (error) {
    assert.ok(error instanceof InvalidParamsError);
    return error.issues.map(({ path }) => path.replace(/\..*/, ""));
  }
}

function isMethod(name: string): name is keyof typeof SHIM_PARAMS {
  return Object.hasOwn(SHIM_PARAMS, name);
}

Deno.test("checkParams with the shim's table accepts what the contract's schemas do", () => {
  assert.deepEqual(Object.keys(SHIM_PARAMS).sort(), Object.keys(shimContract).sort());
  for (const [name, { params: schema }] of Object.entries(shimContract)) {
    assert.ok(isMethod(name));
    const fitting = FITTING[name] ?? {};
    assert.deepEqual(issuesOf(name, fitting), [], name);
    for (const member of [...Object.keys(SHIM_PARAMS[name].properties ?? {}), "unknown"]) {
      for (const value of VALUES) {
        if (member === "unknown" && value === undefined) continue;
        const params = { ...fitting, [member]: value };
        const fits = schema.safeParse(params).success;
        assert.deepEqual(
          issuesOf(name, params),
          fits ? [] : [member],
          `${name} ${JSON.stringify(params)}`,
        );
      }
    }
    for (const params of [[], "x", 1]) assert.deepEqual(issuesOf(name, params), [""]);
  }
});
