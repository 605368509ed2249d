// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ifThere } from "./if_there.ts";

Deno.test("ifThere: undefined only where a path leads to nothing", () => {
  const dir = Deno.makeTempDirSync();
  try {
    assert.equal(ifThere(() => Deno.readTextFileSync(`${dir}/none`)), undefined);
    assert.equal(ifThere(() => [...Deno.readDirSync(`${dir}/none`)]), undefined);
    assert.deepEqual(ifThere(() => [...Deno.readDirSync(dir)]), []);
    assert.throws(() => ifThere(() => Deno.readTextFileSync(dir)), /directory/);
  } finally {
    Deno.removeSync(dir);
  }
});
