// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { pathNames } from "./path_names.ts";

Deno.test("pathNames: slashes that repeat or end a path, and dots, are no names; what leads up is", () => {
  assert.deepEqual(pathNames("/a//b/./c/"), ["a", "b", "c"]);
  assert.deepEqual(pathNames("../a/.."), ["..", "a", ".."]);
  for (const path of ["", "/", "./."]) assert.deepEqual(pathNames(path), [], path);
});
