// SPDX-License-Identifier: MIT
import { denoDir } from "./bundler.ts";
import { keepUsing } from "./keep_using.ts";
import { runTool } from "../tool.ts";

/**
 * Minifies the modules in `dir`, in place, by the esbuild that Deno has installed once it has bundled
 * something: `deno bundle --minify` has no place for {@linkcode keepUsing} (docs/decisions/0017).
 * Throws an `Error` with esbuild's own words if it fails.
 */
export async function minify(dir: string, signal?: AbortSignal): Promise<void> {
  const names = [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) =>
    name.endsWith(".js")
  );
  const files = names.sort().map((name) => `${dir}/${name}`);
  for (const file of files) {
    await Deno.writeTextFile(file, keepUsing(await Deno.readTextFile(file)));
  }
  const { success, stderr } = await runTool(await esbuildPath(), {
    args: [
      ...["--minify", "--format=esm", "--target=esnext", "--log-level=warning"],
      ...["--allow-overwrite", `--outdir=${dir}`, `--outbase=${dir}`, ...files],
    ],
    ...(signal && { signal }),
  });
  if (!success) throw new Error(`esbuild failed:\n${stderr}`);
}

/** The esbuild that this Deno uses: `dl/esbuild-<version>/esbuild-<platform>` in its cache. */
async function esbuildPath(): Promise<string> {
  const dl = `${await denoDir()}/dl`;
  const newest = (dir: string) =>
    [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) => /^esbuild-/.test(name))
      .sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
  const version = newest(dl);
  const file = version && newest(`${dl}/${version}`);
  if (file === undefined) throw new Error(`Deno has no esbuild in ${dl}`);
  return `${dl}/${version}/${file}`;
}
