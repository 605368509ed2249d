// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { pluginPath } from "./run_program.ts";

Deno.test("pluginPath: entries that are not absolute are left out, and the system's are there", () => {
  const before = Deno.env.get("PATH") ?? "";
  try {
    Deno.env.set("PATH", "here::/opt/bin:./there");
    assert.match(pluginPath(), /^\/opt\/bin:(\/[^:]+:)*\/usr\/sbin(:\/[^:]+)*$/);
  } finally {
    Deno.env.set("PATH", before);
  }
});
