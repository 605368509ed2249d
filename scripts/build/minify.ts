// SPDX-License-Identifier: MIT
import { denoDir } from "./bundler.ts";
import { keepUsing } from "./keep_using.ts";
import { runTool } from "../tool.ts";

/**
 * Minifies the modules in `dir`, in place: a shim takes 0.7 of 10.8 MB less for it and the daemon 3 of
 * 35, since V8 keeps the source; starts take the same time. By esbuild itself, which Deno has
 * installed once it has bundled something: between `deno bundle --minify` and the bundler there is no
 * place for {@linkcode keepUsing}. Throws an `Error` with what esbuild said if it fails.
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
