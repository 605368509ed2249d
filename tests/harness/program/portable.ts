// SPDX-License-Identifier: MIT
import { bundle } from "../../../scripts/build/bundle.ts";
import { writePortable } from "../../../scripts/build/portable.ts";
import { VERSION } from "../../../src/version.ts";

/**
 * Builds the portable form of berth at `out`, as `deno task build --portable` does, one that says it
 * is `version`. Works beside `out`.
 */
export async function buildPortable(out: string, version: string = VERSION): Promise<void> {
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
