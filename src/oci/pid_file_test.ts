// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { RuntimeError } from "../rpc/errors.ts";
import { readPidFile, tryReadPidFile } from "./pid_file.ts";

Deno.test("tryReadPidFile takes digits and nothing else", () => {
  const path = Deno.makeTempFileSync();
  try {
    for (const text of ["12", "12\n", " 12\n"]) {
      Deno.writeTextFileSync(path, text);
      assert.equal(tryReadPidFile(path), 12, JSON.stringify(text));
    }
    for (const text of ["", "\n", "12x", "x", "0", "-1", "1.5", "1e3", "0x10", "12 13"]) {
      Deno.writeTextFileSync(path, text);
      assert.equal(tryReadPidFile(path), undefined, JSON.stringify(text));
    }
    assert.throws(() => readPidFile("web", path), RuntimeError);
  } finally {
    Deno.removeSync(path);
  }
  assert.equal(tryReadPidFile(path), undefined);
});
