// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { collectEnv, environmentOf, readLinesFile } from "./environment.ts";

Deno.test("environmentOf: a variable without a value is passed on; one that is not set stays alone, not a file's", () => {
  const path = `PATH=${Deno.env.get("PATH")}`;
  const none = "BERTH_TEST_NOT_SET";
  assert.deepEqual(environmentOf({}), []);
  assert.deepEqual(environmentOf({ env: ["A=b=c", "PATH", none] }), ["A=b=c", path, none]);
  const ofFiles = ["A=1", "PATH", none];
  assert.deepEqual(environmentOf({ env: ["A=2"], ofFiles }), ["A=1", path, "A=2"]);
});

Deno.test("collectEnv: an environment variable has a name", () => {
  assert.deepEqual(collectEnv("A=", ["B"]), ["B", "A="]);
  for (const bad of ["", "=x"]) assert.throws(() => collectEnv(bad, undefined), bad);
});

Deno.test("readLinesFile: a file of variables is read as docker reads it", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "\uFEFF# comment\n\n  A=1 # kept\r\nB\nC='quoted'\nD=\n");
    assert.deepEqual(await readLinesFile(file), ["A=1 # kept", "B", "C='quoted'", "D="]);
    await Deno.writeTextFile(file, "A=1\nB C=2\n");
    await assert.rejects(readLinesFile(file), /line 2/);
    await Deno.writeFile(file, Uint8Array.of(0x41, 0x3d, 0xff));
    await assert.rejects(readLinesFile(file), /not UTF-8/);
    await assert.rejects(readLinesFile(`${file}.none`), /no such file/);
  } finally {
    await Deno.remove(file);
  }
});
