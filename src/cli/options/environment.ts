// SPDX-License-Identifier: MIT
// The options `--env` and `--env-file`, and the files that options name.
import { InvalidArgumentError } from "commander";
import { readNamedFile } from "../../linux/fs/read_named_file.ts";
import { messageOf } from "../../error_text.ts";
import { CliError } from "../common/exit_status.ts";

/**
 * Collects `-e`: `K=V`, or `K` alone for this process's value. Throws commander's
 * `InvalidArgumentError` for an entry without a name.
 */
export function collectEnv(text: string, previous: readonly string[] | undefined): string[] {
  if (text === "" || text.startsWith("=")) {
    throw new InvalidArgumentError("expected NAME=value, or NAME to pass on the value it has here");
  }
  return [...previous ?? [], text];
}

/** Variables that were asked for. */
export interface GivenEnvironment {
  /** Those of `-e`. */
  readonly env?: readonly string[] | undefined;
  /** Those of `--env-file`, as {@linkcode readLinesFile} returns them. */
  readonly ofFiles?: readonly string[] | undefined;
}

/**
 * Returns the entries for the container, as `mergeEnv` adds them: a name alone has the value that it
 * has here. As docker has it, a name of a file that is not set here is left out; one of `-e` stays
 * alone, which removes the variable of an image or a container.
 */
export function environmentOf({ env = [], ofFiles = [] }: GivenEnvironment): string[] {
  const known = ofFiles.map(withValue).filter((entry) => entry.includes("="));
  return [...known, ...env.map(withValue)];
}

function withValue(entry: string): string {
  if (entry.includes("=")) return entry;
  const value = Deno.env.get(entry);
  return value === undefined ? entry : `${entry}=${value}`;
}

/**
 * Reads a file of `K=V` or `K` lines as docker's `--env-file` and `--label-file` do: blank lines and
 * lines that begin with `#` are skipped, nothing is unquoted.
 *
 * @throws {CliError} if it cannot be read or a name contains a blank; the signal's reason.
 */
export async function readLinesFile(path: string, signal?: AbortSignal): Promise<string[]> {
  const text = await readOptionFile(path, `cannot read ${path}`, signal);
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  return lines.flatMap((raw, index) => {
    const line = raw.replace(/\r$/, "").trimStart();
    if (line === "" || line.startsWith("#")) return [];
    const [name = ""] = line.split("=", 1);
    if (name === "" || /\s/.test(name)) {
      throw new CliError(`${path}, line ${index + 1}: expected NAME=value, a name without blanks`);
    }
    return [line];
  });
}

/**
 * Reads a file that an option names.
 *
 * @param subject The beginning of the message if it cannot be read.
 * @throws {CliError} if it cannot be read; the signal's reason.
 */
export async function readOptionFile(
  path: string,
  subject: string,
  signal?: AbortSignal,
): Promise<string> {
  try {
    return await readNamedFile(path, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw new CliError(`${subject}: ${messageOf(error)}`, { cause: error });
  }
}
