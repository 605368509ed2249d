// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { tar } from "./tar.ts";

Deno.test("tar: says which package is missing", async () => {
  const path = Deno.env.get("PATH") ?? "";
  try {
    Deno.env.set("PATH", "/none");
    await assert.rejects(
      tar(["-tf", "/a.tar"]),
      /^ImageError: tar is not in PATH, .* package tar$/,
    );
  } finally {
    Deno.env.set("PATH", path);
  }
});
