// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";
import { seccompFileOf } from "../../oci/spec/security.ts";
import { CliError } from "../common/exit_status.ts";
import { readLinesFile, readOptionFile } from "../options/environment.ts";
import type { ContainerOptions } from "../options/options.ts";
import { labelEntry, type Pairs } from "../options/pairs.ts";

/** The content of the files that options name. */
export interface OptionFiles {
  /** The variables of `--env-file`. */
  readonly env: readonly string[];
  /** The labels of `--label-file`. */
  readonly labels: Pairs;
  /** The text of the seccomp profile of `--security-opt`, by its path. */
  readonly seccomp: Pairs;
}

/**
 * Reads the files that options name. Each is read once, for it may be a pipe, and before anything is
 * made, for a pipe may keep this waiting.
 *
 * @throws {CliError} if one cannot be read or used; the signal's reason.
 */
export async function readOptionFiles(
  { envFile = [], labelFile = [], securityOpt = [] }: Partial<ContainerOptions>,
  signal: AbortSignal,
): Promise<OptionFiles> {
  const env: string[] = [];
  for (const path of envFile) env.push(...await readLinesFile(path, signal));
  const labels: Record<string, string> = {};
  for (const path of labelFile) {
    for (const line of await readLinesFile(path, signal)) {
      const [key, value] = labelOfFile(path, line);
      labels[key] = value;
    }
  }
  const profile = seccompFileOf(securityOpt);
  if (profile === undefined) return { env, labels, seccomp: {} };
  const text = await readOptionFile(profile, `seccomp profile ${profile}`, signal);
  return { env, labels, seccomp: { [profile]: text } };
}

/** Splits a label of a `--label-file`. Throws a {@linkcode CliError} for one that cannot be kept. */
function labelOfFile(path: string, line: string): [key: string, value: string] {
  try {
    return labelEntry(line);
  } catch (error) {
    // Commander prints its own errors only while it parses the options.
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new CliError(`${path}: ${error.message}`, { cause: error });
  }
}
