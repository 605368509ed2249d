// SPDX-License-Identifier: MIT
import { bundle } from "../../../scripts/build/bundle.ts";
import { writePortable } from "../../../scripts/build/portable.ts";
import { exists } from "../../../src/linux/fs/exists.ts";
import { VERSION } from "../../../src/version.ts";
import { runDir } from "../run.ts";

/**
 * Puts the portable form of berth at `out`, as `deno task build --portable` makes it, one that says
 * it is `version`. Each version is built once in a run of the tests, unless its file was put into the
 * run's directory before.
 */
export async function copyPortable(out: string, version: string = VERSION): Promise<void> {
  const built = `${runDir()}/portable-${version}`;
  if (!exists(built)) await buildPortable(built, version);
  await Deno.copyFile(built, out);
}

/** Builds the portable form of berth at `out`; works beside it. */
async function buildPortable(out: string, version: string): Promise<void> {
  const bundleDir = `${out}.bundle`;
  await bundle({ outDir: bundleDir, minify: true });
  for await (const { name } of Deno.readDir(bundleDir)) {
    const text = await Deno.readTextFile(`${bundleDir}/${name}`);
    await Deno.writeTextFile(
      `${bundleDir}/${name}`,
      text.replaceAll(`"${VERSION}"`, `"${version}"`),
    );
  }
  await writePortable({ deno: Deno.execPath(), bundleDir, out });
  await Deno.remove(bundleDir, { recursive: true });
}
