// SPDX-License-Identifier: MIT

/** Environment of a command, where its output goes, and what ends it. */
export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Show the output instead of returning it. */
  readonly show?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Runs a command to its end and returns what it printed.
 *
 * @throws {Error} with the command and its stderr if its exit code is not 0.
 */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [command, ...args] = argv;
  if (command === undefined) throw new RangeError("no command");
  const { env, show, signal } = options;
  const { success, code, stdout, stderr } = await new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: show ? "inherit" : "piped",
    stderr: show ? "inherit" : "piped",
    ...(env && { env }),
    ...(signal && { signal }),
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) {
    const why = show ? "" : `:\n${text(stderr).trim()}`;
    throw new Error(`${argv.join(" ")} ended with ${code}${why}`);
  }
  return show ? "" : text(stdout);
}
