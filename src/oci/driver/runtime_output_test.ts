// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parsePids, parseState, parseVersion } from "./runtime_output.ts";

Deno.test("versions of the known runtimes are read", () => {
  assert.deepEqual(parseVersion("runc version 1.1.5+ds1\ncommit: x\n"), {
    name: "runc",
    version: "1.1.5+ds1",
  });
  assert.deepEqual(parseVersion("crun version 1.8.1\n"), { name: "crun", version: "1.8.1" });
  assert.deepEqual(parseVersion("youki version: 0.3.3\n"), { name: "youki", version: "0.3.3" });
  assert.deepEqual(parseVersion("something else\n"), { name: "", version: "something else" });
});

Deno.test("an empty cgroup has no pids, and what is no list of pids is refused", () => {
  assert.deepEqual(parsePids("null"), []);
  assert.deepEqual(parsePids("[1,2]\n"), [1, 2]);
  assert.throws(() => parsePids("{}"), SyntaxError);
  assert.throws(() => parsePids('["1"]'), SyntaxError);
});

Deno.test("a state without its pid is one that has stopped", () => {
  assert.deepEqual(parseState('{"id":"a","status":"stopped","bundle":"/b"}'), {
    id: "a",
    status: "stopped",
    pid: 0,
    bundle: "/b",
  });
  assert.throws(() => parseState("[]"), SyntaxError);
});
