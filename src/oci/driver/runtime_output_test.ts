// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseState, parseVersion } from "./runtime_output.ts";

Deno.test("parseVersion: versions of the known runtimes are read", () => {
  assert.deepEqual(parseVersion("runc version 1.1.5+ds1\ncommit: x\n"), {
    name: "runc",
    version: "1.1.5+ds1",
  });
  assert.deepEqual(parseVersion("crun version 1.8.1\n"), { name: "crun", version: "1.8.1" });
  assert.deepEqual(parseVersion("youki version: 0.3.3\n"), { name: "youki", version: "0.3.3" });
  assert.deepEqual(parseVersion("something else\n"), { name: "", version: "something else" });
});

Deno.test("parseState: a state without its pid is one that has stopped", () => {
  assert.deepEqual(parseState('{"id":"a","status":"stopped","bundle":"/b"}'), {
    id: "a",
    status: "stopped",
    pid: 0,
    bundle: "/b",
  });
  assert.throws(() => parseState("[]"), SyntaxError);
});
