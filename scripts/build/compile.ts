// SPDX-License-Identifier: MIT
import { BUNDLE_FLAGS, V8_FLAGS } from "../../src/runtime/process/self_command.ts";
import { VERSION } from "../../src/version.ts";
import { MTIME } from "./tar.ts";
import { ScriptError } from "../run_script.ts";
import { runTool } from "../tool.ts";

const COMPILE_FLAGS = [
  ...BUNDLE_FLAGS,
  V8_FLAGS,
  "--no-check",
  // Else every start reads a cache of compiled code from $TMPDIR, where any user may have put one.
  "--no-code-cache",
];

/** The input and output of {@linkcode compile}. */
export interface CompileOptions {
  /** Such as `x86_64-unknown-linux-gnu`. */
  readonly target: string;
  /** Path of the bundle's `main.js`. */
  readonly main: string;
  /** The executable file to write. */
  readonly out: string;
  /** Ends it; a part of the file may stay. */
  readonly signal: AbortSignal;
}

/** Why `deno compile` has made nothing that works; its message says all. */
export class CompileError extends ScriptError {}

/**
 * Writes a bundle as one executable with `deno compile`. Returns the error if only the runtime, which
 * Deno downloads, is out of reach; one that DENORT_BIN names is used, or is an error.
 * Throws a {@linkcode CompileError} for anything else that goes wrong, so for what does not start
 * as this version of berth, where it was made for this machine.
 */
export async function compile(options: CompileOptions): Promise<CompileError | undefined> {
  const { target, main, out, signal } = options;
  const bundleDir = main.slice(0, main.lastIndexOf("/"));
  // It keeps the files' times: without this each build would be another.
  for await (const { name } of Deno.readDir(bundleDir)) {
    await Deno.utime(`${bundleDir}/${name}`, MTIME, MTIME);
  }
  const { success, stderr } = await runTool(Deno.execPath(), {
    args: ["compile", ...COMPILE_FLAGS, "--target", target, "--output", out, main],
    clearEnv: true,
    env: compileEnv(Deno.env.toObject()),
    signal,
  });
  if (!success) {
    if (!Deno.env.has("DENORT_BIN") && isRuntimeUnreachable(stderr)) {
      return new CompileError(`deno compile failed: ${stderr}`);
    }
    throw new CompileError(`deno compile failed:\n${stderr}`);
  }
  if (target === Deno.build.target) await checkStart(out, signal);
  return undefined;
}

/**
 * Returns the part of the builder's environment that says how to fetch, and nothing else of Deno's:
 * what `OTEL_*`, `DENO_COMPAT` and `DENO_UNSTABLE_*` say would be in force wherever the file runs.
 */
export function compileEnv(env: Readonly<Record<string, string>>): Record<string, string> {
  const kept = ["DENO_DIR", "DENO_CERT", "DENO_TLS_CA_STORE", "DENORT_BIN"];
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => kept.includes(name) || !/^(?:DENO|OTEL)_/.test(name)),
  );
}

/**
 * Tells from what `deno compile` said whether it could not get its runtime: no connection, a proxy
 * that refuses, a certificate that is not trusted, no such file there, or something else in its place.
 */
export function isRuntimeUnreachable(stderr: string): boolean {
  return /Setting up base binary|Failed to unpack archive/.test(stderr);
}

/** `deno compile` says nothing of a runtime that is not the one for this berth. */
async function checkStart(file: string, signal: AbortSignal): Promise<void> {
  const { success, stdout, stderr } = await runTool(file, { args: ["--version"], signal });
  if (success && stdout === VERSION) return;
  throw new CompileError(
    `what deno compile made does not start as berth ${VERSION}:\n${stdout}${stderr}`,
  );
}
