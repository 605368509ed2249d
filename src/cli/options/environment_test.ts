// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { collectEnv, environmentEntry, readLinesFile } from "./environment.ts";

Deno.test("environmentEntry: an environment variable without a value is passed on, if it is set", () => {
  assert.deepEqual(environmentEntry("A=b=c"), ["A=b=c"]);
  assert.deepEqual(environmentEntry("PATH"), [`PATH=${Deno.env.get("PATH")}`]);
  assert.deepEqual(environmentEntry("BERTH_TEST_NOT_SET"), []);
});

Deno.test("collectEnv: an environment variable has a name", () => {
  assert.deepEqual(collectEnv("A=", ["B"]), ["B", "A="]);
  for (const bad of ["", "=x"]) assert.throws(() => collectEnv(bad, undefined), bad);
});

Deno.test("readLinesFile: a file of variables is read as docker reads it", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "\uFEFF# comment\n\n  A=1 # kept\r\nB\nC='quoted'\nD=\n");
    assert.deepEqual(readLinesFile(file), ["A=1 # kept", "B", "C='quoted'", "D="]);
    await Deno.writeTextFile(file, "A=1\nB C=2\n");
    assert.throws(() => readLinesFile(file), /line 2/);
    await Deno.writeFile(file, Uint8Array.of(0x41, 0x3d, 0xff));
    assert.throws(() => readLinesFile(file), /not UTF-8/);
    assert.throws(() => readLinesFile(`${file}.none`), /no such file/);
  } finally {
    await Deno.remove(file);
  }
});
