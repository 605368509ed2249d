// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ROOT } from "./bundle.ts";

/** Copies to `dir`, which it makes, the files that berth is built from. */
export async function copySources(dir: string): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  const names = ["deno.json", "deno.lock", "mod.ts", "scripts", "src"];
  const { success } = await new Deno.Command("cp", {
    args: ["-r", ...names.map((name) => `${ROOT}/${name}`), dir],
  }).output();
  assert.ok(success, `cannot copy the sources to ${dir}`);
}
