// SPDX-License-Identifier: MIT
// The exit status of a command that has failed.
import { EXIT_BERTH } from "../../command_line.ts";
import { BerthError } from "../../rpc/errors.ts";

/** Exit status for a command that is there but cannot be executed. */
export const EXIT_CANNOT_EXECUTE = 126;
/** Exit status for a command that is not there. */
export const EXIT_NOT_FOUND = 127;

/** Something that a person has to be told in one line; carries no stack worth showing. */
export class CliError extends Error {
  override name = "CliError";
  /** The exit status of the process. */
  readonly status: number;

  constructor(message: string, options: ErrorOptions & { status?: number } = {}) {
    super(message, options);
    this.status = options.status ?? EXIT_BERTH;
  }
}

// The messages of runc 1.x and crun 1.x for a command that is missing or may not be executed. runc names the
// `exec` of the command first, which tells it from a missing mount source or working directory. A
// path that leads through a file leads nowhere: 127, as dockerd has it. A directory is "permission
// denied" or "is a directory" to runc (as Go changed its mind), "operation not permitted" to crun.
const NOT_FOUND = [
  /executable file .*not found/i,
  /\bexec: .*(no such file or directory|not a directory)/i,
  /open executable: (no such file or directory|not a directory)/i,
  // crun 1.21 and above, of the command alone.
  /cannot open `.*`: not a directory/i,
];
const CANNOT_EXECUTE = [
  /\bexec: .*(permission denied|is a directory)/i,
  /open executable: (permission denied|is a directory|operation not permitted)/i,
  /the path `.*` (is not a regular file|exists but it is not executable)/i,
  /exec format error/i,
];
// runc says the same of criu, which is no command of a container's.
const CRIU = /\b(?:checkpoint|restore) failed: .*\bexec: "criu"/;

/**
 * Returns the exit status that says what went wrong, as docker users know it: 127 when the
 * container's command does not exist, 126 when it cannot be executed, 125 for everything else.
 */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.status;
  if (error instanceof BerthError && error.kind === "RuntimeError") {
    const text = typeof error.data["runtimeMessage"] === "string"
      ? error.data["runtimeMessage"]
      : error.message;
    if (CRIU.test(error.message)) return EXIT_BERTH;
    if (CANNOT_EXECUTE.some((pattern) => pattern.test(text))) return EXIT_CANNOT_EXECUTE;
    if (NOT_FOUND.some((pattern) => pattern.test(text))) return EXIT_NOT_FOUND;
  }
  return EXIT_BERTH;
}
