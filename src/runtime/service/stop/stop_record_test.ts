// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../../tests/harness/temp_dir.ts";
import { readStop, recordStop } from "./stop_record.ts";

Deno.test("recordStop: the earliest kill wins, and only its own stop takes it back", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const takeLateBack = recordStop(dir, 100);
  assert.equal(readStop(dir)?.timeout, 100);
  const takeEarlyBack = recordStop(dir, 50);
  assert.equal(readStop(dir)?.timeout, 50);
  recordStop(dir, 70)();
  takeLateBack();
  assert.equal(readStop(dir)?.timeout, 50);
  takeEarlyBack();
  assert.equal(readStop(dir), undefined);
});

Deno.test("recordStop: taking it back never throws", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const gone = `${dir}/gone`;
  Deno.mkdirSync(gone);
  const takeBack = recordStop(gone, 1);
  Deno.removeSync(gone, { recursive: true });
  takeBack();
  const takeDamagedBack = recordStop(dir, 1);
  Deno.writeTextFileSync(`${dir}/stop.json`, "[");
  takeDamagedBack();
});
