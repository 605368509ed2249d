// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";

const MODULE = JSON.stringify(import.meta.resolve("./trim_memory.ts"));

/** What a process with these flags has of 1000 objects that nothing holds, after a trim. */
async function leftOf(...flags: string[]): Promise<string> {
  const program = `
    import { trimMemory } from ${MODULE};
    const refs = Array.from({ length: 1000 }, () => new WeakRef({}));
    await new Promise((resolve) => setTimeout(resolve));
    trimMemory();
    console.log(refs.filter((ref) => ref.deref() !== undefined).length);`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", ...flags, program],
    stdin: "null",
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("trimMemory: what nothing holds is collected where V8 lets it be", async () => {
  assert.equal(await leftOf("--v8-flags=--expose-gc"), "0");
  assert.equal(await leftOf(), "1000");
});
