// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";
import { messageOf } from "../../rpc/error_text.ts";
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

/** Options with variables. */
export interface EnvironmentOptions {
  readonly env?: readonly string[] | undefined;
  readonly envFile?: readonly string[] | undefined;
}

/**
 * Returns the entries for the container, as `mergeEnv` adds them: a name alone has the value that it
 * has here. As docker has it, a name of a file that is not set here is left out; one of `-e` stays
 * alone, which removes the variable of an image or a container. Throws as {@linkcode readLinesFile}.
 */
export function environmentOf({ env = [], envFile = [] }: EnvironmentOptions): string[] {
  const ofFiles = envFile.flatMap(readLinesFile).map(withValue);
  return [...ofFiles.filter((entry) => entry.includes("=")), ...env.map(withValue)];
}

function withValue(entry: string): string {
  if (entry.includes("=")) return entry;
  const value = Deno.env.get(entry);
  return value === undefined ? entry : `${entry}=${value}`;
}

/**
 * Reads a file of `K=V` or `K` lines as docker's `--env-file` and `--label-file` do: blank lines and
 * lines that begin with `#` are skipped, nothing is unquoted. Throws a {@linkcode CliError} if it
 * cannot be read or a name contains a blank.
 */
export function readLinesFile(path: string): string[] {
  const lines = readText(path).replace(/^\uFEFF/, "").split("\n");
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

function readText(path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound
      ? "no such file"
      : error instanceof TypeError
      ? "it is not UTF-8"
      : messageOf(error);
    throw new CliError(`cannot read ${path}: ${why}`, { cause: error });
  }
}
