// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { readSmallFile } from "./read_small_file.ts";

Deno.test("readSmallFile refuses what is larger, or no regular file", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/file`;
  Deno.writeTextFileSync(path, "text");
  assert.equal(readSmallFile(path, 4), "text");
  assert.throws(() => readSmallFile(path, 3), /file has 4 bytes, more than 3/);
  assert.throws(() => readSmallFile(dir, 4), /is no regular file/);
  assert.throws(() => readSmallFile(`${dir}/none`, 4), Deno.errors.NotFound);
});
