// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ROOT } from "./bundle.ts";

/** Has `body` work in a directory of its own, which is removed after. */
export async function withTempDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "berth-build-" });
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Copies to `dir`, which it makes, the files that berth is built from. */
export async function copySources(dir: string): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  const names = ["deno.json", "deno.lock", "mod.ts", "scripts", "src"];
  const { success } = await new Deno.Command("cp", {
    args: ["-r", ...names.map((name) => `${ROOT}/${name}`), dir],
  }).output();
  assert.ok(success, `cannot copy the sources to ${dir}`);
}
