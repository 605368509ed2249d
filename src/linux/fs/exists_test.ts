// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { exists } from "./exists.ts";

Deno.test("exists tells what is there from what is not, and throws what else is wrong", () => {
  const dir = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${dir}/file`, "");
    Deno.symlinkSync("file", `${dir}/link`);
    Deno.symlinkSync("nowhere", `${dir}/dangling`);
    assert.deepEqual(
      ["", "/file", "/link", "/dangling", "/none", "/none/below"].map((path) => exists(dir + path)),
      [true, true, true, false, false, false],
    );
    assert.throws(() => exists(`${dir}/file/below`), Deno.errors.NotADirectory);
    assert.throws(() => exists(`${dir}/${"x".repeat(300)}`));
    assert.throws(() => exists("a\0b"));
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
