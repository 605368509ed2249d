// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseInvocation } from "./invocation.ts";

Deno.test("parseInvocation: the first argument chooses the role", () => {
  assert.deepEqual(parseInvocation("/usr/bin/berth", ["daemon", "--state", "/s"]), {
    role: "daemon",
    args: ["--state", "/s"],
  });
  assert.deepEqual(parseInvocation("berth", ["shim", "serve", "--control", "/c"]), {
    role: "shim",
    args: ["serve", "--control", "/c"],
  });
  assert.deepEqual(parseInvocation("berth", ["ps"]), { role: "cli", args: ["ps"] });
  assert.deepEqual(parseInvocation("berth", []), { role: "cli", args: [] });
});

Deno.test("parseInvocation: the name of a shim of containerd chooses that role, as its command does", () => {
  const args = ["-namespace", "n", "start"];
  for (const name of ["/usr/bin/containerd-shim-berth-v2", "containerd-shim-runc-v2"]) {
    assert.deepEqual(parseInvocation(name, args), { role: "containerd-shim", args });
  }
  const given = parseInvocation("berth", ["containerd-shim", ...args]);
  assert.deepEqual(given, { role: "containerd-shim", args });
  assert.equal(parseInvocation("containerd-shim", ["ps"]).role, "cli");
});

Deno.test("parseInvocation: a debug verb of shim is a command, not a shim", () => {
  assert.equal(parseInvocation("berth", ["shim", "state", "--bundle", "/b"]).role, "cli");
});

Deno.test("parseInvocation: the first argument chooses the role of a file called berthd, too", () => {
  assert.deepEqual(parseInvocation("/opt/berthd", ["daemon", "--state", "/s"]), {
    role: "daemon",
    args: ["--state", "/s"],
  });
  assert.deepEqual(parseInvocation("/opt/berthd", ["shim", "serve", "--control", "/c"]), {
    role: "shim",
    args: ["serve", "--control", "/c"],
  });
});

Deno.test("parseInvocation: a link chooses the role by its name, and takes all arguments", () => {
  assert.deepEqual(parseInvocation("/usr/local/bin/berthd", ["--state", "/s"]), {
    role: "daemon",
    args: ["--state", "/s"],
  });
  assert.deepEqual(parseInvocation("berth-shim", ["--control", "/c"]), {
    role: "shim",
    args: ["serve", "--control", "/c"],
  });
});
