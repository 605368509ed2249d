// SPDX-License-Identifier: MIT
/** Arguments and standard input of a program, and what ends it. */
export interface SpawnProgramOptions extends Pick<Deno.CommandOptions, "args" | "stdin"> {
  /** Ends the program. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts a program of the machine, whose output is read.
 *
 * @throws what `missing` makes, of the cause, if the program is not in PATH.
 */
export function spawnProgram(
  program: string,
  { signal, ...options }: SpawnProgramOptions,
  missing: (options: ErrorOptions) => Error,
): Deno.ChildProcess {
  try {
    return new Deno.Command(program, {
      ...options,
      stdout: "piped",
      stderr: "piped",
      // Ctrl-C on a terminal is for berth, which then ends it by the signal.
      detached: signal !== undefined,
      ...(signal && { signal }),
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw missing({ cause: error });
  }
}
