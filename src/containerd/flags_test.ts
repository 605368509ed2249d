// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseFlags, requireNamespace } from "./flags.ts";

Deno.test("parseFlags takes the forms of Go's flags, and the first other argument for the action", () => {
  const flags = parseFlags([
    ...["-namespace", "k8s.io", "--address=/run/c.sock", "-publish-binary", "/usr/bin/containerd"],
    ...["--id", "start", "-debug", "-bundle=/b", "start", "-id", "other"],
  ]);
  assert.deepEqual(flags, {
    action: "start",
    namespace: "k8s.io",
    address: "/run/c.sock",
    publishBinary: "/usr/bin/containerd",
    id: "start",
    bundle: "/b",
    debug: true,
    info: false,
    version: false,
  });
  assert.equal(parseFlags(["-v"]).version, true);
  assert.equal(parseFlags(["-info"]).info, true);
  assert.equal(parseFlags(["-debug=false", "delete"]).debug, false);
});

Deno.test("parseFlags passes over flags that it does not know", () => {
  const args = ["-new", "value", "-other=1", "-switch", "-id", "a", "-last", "delete"];
  const { id, action } = parseFlags(args);
  assert.deepEqual([id, action], ["a", "delete"]);
});

Deno.test("requireNamespace refuses a call without a namespace", () => {
  requireNamespace(parseFlags(["-namespace", "k8s.io", "start"]));
  assert.throws(() => requireNamespace(parseFlags(["-id", "x", "start"])), /-namespace is missing/);
});
