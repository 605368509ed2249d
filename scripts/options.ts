// SPDX-License-Identifier: MIT
import { parseArgs, type ParseArgsConfig } from "node:util";

/**
 * Returns the arguments of a script. For `--help` prints `usage` and exits; exits with 2 where they do
 * not fit.
 */
export function parseOptions<T extends ParseArgsConfig>(
  usage: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  if (Deno.args.includes("--help") || Deno.args.includes("-h")) {
    console.log(usage);
    Deno.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return misused(usage, error.message);
  }
}

/** Returns the number that an option gives, or `otherwise`. Exits with 2 if it is none. */
export function numberOption(usage: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  return value >= 0 && text !== "" ? value : misused(usage, `not a number: ${text}`);
}

/** Prints why a call of a script is wrong, and its usage. Exits with 2. */
export function misused(usage: string, message: string): never {
  console.error(`${message}\n${usage}`);
  Deno.exit(2);
}
