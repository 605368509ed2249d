// SPDX-License-Identifier: MIT
import { runBundler, withoutPaths } from "./bundler.ts";
import { nameByContent } from "./chunk_names.ts";
import { readBundle } from "./chunks.ts";
import { minify } from "./minify.ts";
import { ROOT } from "../root.ts";

/** Where and how {@linkcode bundle} writes. */
export interface BundleOptions {
  /** Absolute path of the directory for `main.js` and its chunks, which is made or is empty. */
  readonly outDir: string;
  /** Entry module; `src/main.ts` if left out. */
  readonly entry?: string;
  /**
   * Small and reproducible: nothing in it tells where the sources and the package cache lay on the
   * building machine. In return its stack traces cannot be read.
   */
  readonly minify?: boolean;
  /** With the failpoints of `src/failpoint.ts`, for tests. Without it each is an empty function. */
  readonly failpoints?: boolean;
  /** Ends it; what it has written stays. */
  readonly signal?: AbortSignal;
}

/**
 * Bundles berth into `main.js` and one chunk per role, so that a process loads only what its role
 * needs: the roles are dynamic imports, and what two of them share becomes a chunk of its own. Beside
 * it the shims, which a machine runs many of, are one file each: `shim.js`, and `containerd_shim.js`
 * for containerd.
 * Returns the path of `main.js`. Throws with the bundler's own output when it fails, and when the
 * directory is not empty.
 */
export async function bundle(options: BundleOptions): Promise<string> {
  const { outDir, entry = `${ROOT}/src/main.ts` } = options;
  await Deno.mkdir(outDir, { recursive: true });
  for await (const { name } of Deno.readDir(outDir)) {
    throw new Error(`${outDir} is not empty: it has ${name}`);
  }
  const { failpoints, signal } = options;
  const common = [
    "--platform=deno",
    ...(failpoints ? [] : [`--import-map=${await withoutFailpoints()}`]),
  ];
  await runBundler([...common, "--code-splitting", `--outdir=${outDir}`, entry], signal);
  // Once more in a file of its own: a megabyte less for each shim than as chunks of `main.js`.
  for (const [name, main] of [["shim", "shim/main"], ["containerd_shim", "containerd/serve"]]) {
    const args = [`--output=${outDir}/${name}.js`, `${ROOT}/src/${main}.ts`];
    await runBundler([...common, ...args], signal);
  }
  await requireLazily(outDir);
  if (options.minify) await removePaths(outDir);
  await nameByContent(outDir);
  if (options.minify) await minify(outDir, signal);
  const name = entry.slice(entry.lastIndexOf("/") + 1).replace(/\.ts$/, ".js");
  return `${outDir}/${name}`;
}

/** The imports of `deno.json`, and in place of the failpoints functions that do nothing. */
async function withoutFailpoints(): Promise<string> {
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));
  const module = (name: string) => new URL(`../../src/${name}.ts`, import.meta.url).href;
  const map = { imports: { ...imports, [module("failpoint")]: module("failpoint_off") } };
  return `data:application/json,${encodeURIComponent(JSON.stringify(map))}`;
}

async function removePaths(dir: string): Promise<void> {
  for (const { name, text } of (await readBundle(dir)).values()) {
    await Deno.writeTextFile(`${dir}/${name}`, withoutPaths(text));
  }
}

/** The `require` of CommonJS modules as the bundler makes it. */
const REQUIRE = new RegExp(
  String.raw`import\s*\{\s*createRequire as (\w+)\s*\}\s*from\s*"node:module";` +
    String.raw`\s*var (\w+)\s*=\s*\1\(import\.meta\.url\);`,
);

/**
 * Lets a chunk load Deno's Node layer when it calls `require`. The bundler makes `require` such that
 * every role but that of `shim.js` loads the layer at its start (docs/decisions/0018).
 */
async function requireLazily(dir: string): Promise<void> {
  for (const { name, text } of (await readBundle(dir)).values()) {
    const lazy = text.replace(
      REQUIRE,
      (_, _createRequire, require) =>
        `var ${require} = (name) => globalThis.process.getBuiltinModule(name);`,
    );
    if (lazy !== text) await Deno.writeTextFile(`${dir}/${name}`, lazy);
  }
}
