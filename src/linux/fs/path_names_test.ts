// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { absolutePath, cleanPath, pathNames } from "./path_names.ts";

Deno.test("pathNames: slashes that repeat or end a path, and dots, are no names; what leads up is", () => {
  assert.deepEqual(pathNames("/a//b/./c/"), ["a", "b", "c"]);
  assert.deepEqual(pathNames("../a/.."), ["..", "a", ".."]);
  for (const path of ["", "/", "./."]) assert.deepEqual(pathNames(path), [], path);
});

Deno.test("cleanPath: what leads up takes a name away, and the root has none above it", () => {
  assert.equal(cleanPath("/a//b/./../c/"), "/a/c");
  assert.equal(cleanPath("/../../a"), "/a");
  for (const path of ["", "/", "/a/.."]) assert.equal(cleanPath(path), "/", path);
});

Deno.test("absolutePath: paths are taken from the working directory on", () => {
  assert.equal(absolutePath("/x/."), "/x/.");
  assert.equal(absolutePath("./x"), `${Deno.cwd()}/x`);
  assert.equal(absolutePath("."), Deno.cwd());
});
