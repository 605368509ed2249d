// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { readJson, writeJsonAtomic } from "../../oci/json_file.ts";
import { AutoRemoveRecords } from "./auto_remove_records.ts";

/** Makes a root directory with an overlay of the container c, which is recorded. */
function withRecord(
  use: (records: AutoRemoveRecords, paths: { overlay: string; record: string }) => void,
): void {
  using temp = new TempDir();
  const root = temp.path;
  const records = new AutoRemoveRecords(root);
  const overlay = `${root}/overlay/c/own`;
  Deno.mkdirSync(overlay, { recursive: true });
  records.add({ id: "c", autoRemove: true, removeDirs: [overlay] });
  use(records, { overlay, record: `${root}/autoremove/c.json` });
}

Deno.test("AutoRemoveRecords.removeLeft: only what an earlier boot has left is removed", () => {
  withRecord((records, { overlay, record }) => {
    // Its bundle may be in another state directory.
    records.removeLeft(() => false);
    assert.ok(Deno.statSync(overlay).isDirectory);
    const { bootId, ...older } = readJson<{ bootId?: string }>(record) ?? {};
    assert.ok(bootId);
    writeJsonAtomic(record, older);
    records.removeLeft(() => false);
    assert.ok(Deno.statSync(overlay).isDirectory);
    writeJsonAtomic(record, { ...older, bootId: "an earlier one" });
    records.removeLeft(() => true);
    assert.ok(Deno.statSync(overlay).isDirectory);
    records.removeLeft(() => false);
    for (const path of [overlay, record]) {
      assert.throws(() => Deno.statSync(path), Deno.errors.NotFound);
    }
  });
});

Deno.test("AutoRemoveRecords.add: a container that is kept is not taken for an earlier one of its id", () => {
  withRecord((records, { overlay, record }) => {
    writeJsonAtomic(record, { ...readJson(record), bootId: "an earlier one" });
    records.add({ id: "c" });
    records.removeLeft(() => false);
    assert.ok(Deno.statSync(overlay).isDirectory);
  });
});
