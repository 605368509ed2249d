// SPDX-License-Identifier: MIT
import { runBundler, withoutPaths } from "./bundler.ts";
import { nameByContent } from "./chunk_names.ts";
import { readBundle } from "./chunks.ts";
import { minify } from "./minify.ts";
import { bundlePackage } from "./without_node/bundle_package.ts";
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
  /** With the failpoints of `src/failpoint.ts`, for tests. Without it nothing of them is there. */
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
  const temp = await Deno.makeTempDir({ prefix: "berth-bundle-" });
  try {
    const replaced = new Map<string, string>(failpoints ? [] : [WITHOUT_FAILPOINTS]);
    const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));
    for (const name of ["commander", "@logtape/logtape"]) {
      await bundlePackage(imports[name], `${temp}/${name}/index.js`, signal);
      replaced.set(name, `file://${temp}/${name}/index.js`);
    }
    const common = ["--platform=deno", `--import-map=${importMap(imports, replaced)}`];
    await runBundler([...common, "--code-splitting", `--outdir=${outDir}`, entry], signal);
    // Once more in a file of its own: a megabyte less for each shim than as chunks of `main.js`.
    for (const [name, main] of [["shim", "shim/main"], ["containerd_shim", "containerd/serve"]]) {
      const args = [`--output=${outDir}/${name}.js`, `${ROOT}/src/${main}.ts`];
      await runBundler([...common, ...args], signal);
    }
  } finally {
    await Deno.remove(temp, { recursive: true });
  }
  if (!failpoints) await dropFailpoints(outDir);
  await rewrite(outDir, requireLazily);
  if (options.minify) await rewrite(outDir, withoutPaths);
  await nameByContent(outDir);
  if (options.minify) await minify(outDir, signal);
  const name = entry.slice(entry.lastIndexOf("/") + 1).replace(/\.ts$/, ".js");
  return `${outDir}/${name}`;
}

const moduleUrl = (name: string) => new URL(`../../src/${name}.ts`, import.meta.url).href;

/** In place of the failpoints functions that do nothing. */
const WITHOUT_FAILPOINTS = [moduleUrl("failpoint"), moduleUrl("failpoint_off")] as const;

/** Returns imports with some of them replaced, as the bundler takes them. */
function importMap(
  imports: Readonly<Record<string, string>>,
  replaced: ReadonlyMap<string, string>,
): string {
  const map = { imports: { ...imports, ...Object.fromEntries(replaced) } };
  return `data:application/json,${encodeURIComponent(JSON.stringify(map))}`;
}

/** What is left of the failpoints in a bundle whose own do nothing, as the bundler writes it. */
const FAILPOINTS = new RegExp(
  [
    // Calls. One behind an `if` stays, and then so does its name, which a test would find.
    String.raw`(?<=[;{}]\n) *(?:await )?failpoint(?:Async)?\(.*\);\n`,
    // Names in an import or export.
    String.raw`^ +failpoint(?:Async)?,?\n`,
    // The functions, and what loads their module in a file that has parts to be loaded later.
    String.raw`^function failpoint(?:Async)?\(_name\) \{\n\}\n`,
    String.raw`^ *init_failpoint_off\(\);\n`,
    String.raw`^var init_failpoint_off = __esm\(\{\n.*\n  \}\n\}\);\n`,
  ].join("|"),
  "gm",
);

/** Takes the failpoints out of the bundle in `dir`, and the chunk that has nothing else. */
async function dropFailpoints(dir: string): Promise<void> {
  await rewrite(dir, (text) => text.replace(FAILPOINTS, ""));
  for (const { name, text } of (await readBundle(dir)).values()) {
    if (!/^\/\/ src\/failpoint_off\.ts\n\s*export \{\n\};\s*$/.test(text)) continue;
    await Deno.remove(`${dir}/${name}`);
    const empty = new RegExp(String.raw`import (?:\{\n\} from )?"\./${name}";\n`, "g");
    await rewrite(dir, (other) => other.replace(empty, ""));
  }
}

async function rewrite(dir: string, change: (text: string) => string): Promise<void> {
  for (const { name, text } of (await readBundle(dir)).values()) {
    const changed = change(text);
    if (changed !== text) await Deno.writeTextFile(`${dir}/${name}`, changed);
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
function requireLazily(text: string): string {
  return text.replace(
    REQUIRE,
    (_, _createRequire, require) =>
      `var ${require} = (name) => globalThis.process.getBuiltinModule(name);`,
  );
}
