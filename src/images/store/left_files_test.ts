// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { SmallDisk } from "../../../tests/harness/small_disk.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { exists } from "../../linux/fs/exists.ts";
import { isExhausted } from "../../linux/libc/errno.ts";
import { repairShortLinks } from "./left_files.ts";

Deno.test("repairShortLinks: a layer that was killed before it noted its link has it noted, no link leads nowhere, and lost ones are made again", () => {
  using temp = new TempDir();
  const overlay = `${temp.path}/overlay`;
  repairShortLinks(temp.path);
  const layers = [["aa", "NOTED"], ["bb", ""], ["cc", undefined]] as const;
  for (const [id, note] of layers) {
    Deno.mkdirSync(`${overlay}/${id}/diff`, { recursive: true });
    if (note !== undefined) Deno.writeTextFileSync(`${overlay}/${id}/link`, note);
  }
  Deno.mkdirSync(`${overlay}/l`);
  const links = { NOTED: "aa", EMPTY: "bb", MISSING: "cc", GONE: "dd" };
  for (const [name, id] of Object.entries(links)) {
    Deno.symlinkSync(`../${id}/diff`, `${overlay}/l/${name}`);
  }
  repairShortLinks(temp.path);
  const notes = layers.map(([id]) => Deno.readTextFileSync(`${overlay}/${id}/link`));
  assert.deepEqual(notes, ["NOTED", "EMPTY", "MISSING"]);
  const left = [...Deno.readDirSync(`${overlay}/l`)].map(({ name }) => name).sort();
  assert.deepEqual(left, ["EMPTY", "MISSING", "NOTED"]);
  Deno.removeSync(`${overlay}/l`, { recursive: true });
  Deno.writeTextFileSync(`${overlay}/.has-mount-program`, "false");
  Deno.mkdirSync(`${overlay}/halfmade`);
  Deno.writeTextFileSync(`${overlay}/halfmade/link`, "HALF");
  repairShortLinks(temp.path);
  assert.deepEqual([...Deno.readDirSync(`${overlay}/l`)].map(({ name }) => name).sort(), left);
  assert.equal(Deno.readLinkSync(`${overlay}/l/NOTED`), "../aa/diff");
});

Deno.test("repairShortLinks: on a full disk a missing note stays missing, for an empty one does harm", () => {
  using temp = new TempDir();
  using disk = new SmallDisk(`${temp.path}/overlay`, "size=64k");
  Deno.mkdirSync(`${disk.dir}/aa/diff`, { recursive: true });
  Deno.mkdirSync(`${disk.dir}/l`);
  Deno.symlinkSync("../aa/diff", `${disk.dir}/l/MISSING`);
  disk.fill();
  assert.throws(() => repairShortLinks(temp.path), isExhausted);
  assert.equal(exists(`${disk.dir}/aa/link`), false);
});
