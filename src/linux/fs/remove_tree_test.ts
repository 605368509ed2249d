// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { removeTree } from "./remove_tree.ts";

Deno.test("removeTree: a directory goes with all that is in it, and says if it was there", () => {
  const dir = Deno.makeTempDirSync();
  Deno.mkdirSync(`${dir}/a/b`, { recursive: true });
  Deno.writeTextFileSync(`${dir}/a/b/file`, "");
  assert.equal(removeTree(dir), true);
  assert.equal(removeTree(dir), false);
});
