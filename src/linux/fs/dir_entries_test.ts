// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { dirEntries, namesEnding } from "./dir_entries.ts";

Deno.test("namesEnding: names without their ending; a directory that is not there has none", () => {
  using temp = new TempDir();
  const dir = temp.path;
  for (const name of ["web.json", "a.b.json", "web.json.tmp", "json"]) {
    Deno.writeTextFileSync(`${dir}/${name}`, "");
  }
  assert.deepEqual(namesEnding(dir, ".json").sort(), ["a.b", "web"]);
  assert.equal(dirEntries(dir).length, 4);
  assert.deepEqual(namesEnding(`${dir}/none`, ".json"), []);
  assert.throws(() => dirEntries(`${dir}/json`), /directory/);
});
