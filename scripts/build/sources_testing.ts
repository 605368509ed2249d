// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { denoDir } from "./bundler.ts";
import { ROOT } from "../root.ts";

/** Copies to `dir`, which it makes, the files that berth is built from. */
export async function copySources(dir: string): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  const names = ["deno.json", "deno.lock", "mod.ts", "scripts", "src"];
  const { success } = await new Deno.Command("cp", {
    args: ["-r", ...names.map((name) => `${ROOT}/${name}`), dir],
  }).output();
  assert.ok(success, `cannot copy the sources to ${dir}`);
}

/**
 * Makes `dir` a Deno cache with what is cached already, but without what the part `missing` of its
 * `dl` names: `release` are the runtimes of `deno compile`, `esbuild` is the bundler. Returns `dir`.
 */
export async function cacheWithout(missing: "release" | "esbuild", dir: string): Promise<string> {
  const cache = await denoDir();
  await Deno.mkdir(`${dir}/dl`, { recursive: true });
  const link = (name: string) => Deno.symlink(`${cache}/${name}`, `${dir}/${name}`);
  for (const { name } of Deno.readDirSync(cache)) {
    if (name !== "dl") await link(name);
  }
  for (const { name } of Deno.readDirSync(`${cache}/dl`)) {
    if (!name.startsWith(missing)) await link(`dl/${name}`);
  }
  return dir;
}
