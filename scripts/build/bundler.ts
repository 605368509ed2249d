// SPDX-License-Identifier: MIT
import { ROOT } from "../root.ts";

/** How often a process looks whether the bundler is free, milliseconds. */
const POLL_MS = 20;

/**
 * Runs `deno bundle --quiet` with these arguments in {@linkcode ROOT}; returns its standard output.
 * Waits until no other process runs it in this way. Throws an `Error` with the bundler's own words
 * when it fails, and the signal's reason when that ends it.
 */
export async function runBundler(args: readonly string[], signal?: AbortSignal): Promise<string> {
  using _lock = await lockBundler(signal);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", ...args],
    // The bundler names modules by their path from the working directory.
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    ...(signal && { signal }),
  }).output();
  signal?.throwIfAborted();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`deno bundle ${args.at(-1)} failed:\n${text(stderr)}`);
  return text(stdout);
}

/**
 * Deno installs esbuild at the first use of its bundler. Of two that do so at once in one cache, the
 * first removes the package while the second is still copying from it, and the second fails. So
 * only one runs at a time, among all processes of this cache.
 */
async function lockBundler(signal?: AbortSignal): Promise<Disposable> {
  const dir = await denoDir();
  await Deno.mkdir(dir, { recursive: true });
  const file = await Deno.open(`${dir}/berth_bundler.lock`, { create: true, write: true });
  try {
    while (!await file.tryLock(true)) {
      signal?.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}

/** Returns the directory of this Deno's cache. */
export async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir }: { denoDir: string } = JSON.parse(new TextDecoder().decode(stdout));
  return denoDir;
}

/** Takes out of a bundle's text where its modules lay on this machine, which the bundler says. */
export function withoutPaths(text: string): string {
  return text
    .replace(/^\/\/ \S+\.[cm]?[jt]s\n/gm, "")
    // A module that is not loaded at once is a method with that for a name, which nothing asks for.
    .replace(/^(var \w+ = __(?:commonJS|esm)\(\{\n {2})"[^"\n]+"\(/gm, '$1"module"(');
}
