// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { baseName, cleanPath, makeAbsolute, parentDir, pathNames } from "./path_names.ts";

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

Deno.test("makeAbsolute: paths are taken from the working directory on", () => {
  assert.equal(makeAbsolute("/x/."), "/x/.");
  assert.equal(makeAbsolute("./x"), `${Deno.cwd()}/x`);
  assert.equal(makeAbsolute("."), Deno.cwd());
});

Deno.test("baseName: what is behind the last slash, which parts it from the directory above", () => {
  for (const [dir, name] of [["/a/b", "c"], ["", "c"], ["a", ""]]) {
    assert.deepEqual([parentDir(`${dir}/${name}`), baseName(`${dir}/${name}`)], [dir, name]);
  }
  assert.equal(baseName("runc"), "runc");
});
