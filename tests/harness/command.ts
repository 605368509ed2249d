// SPDX-License-Identifier: MIT

/** How a command ended, and its output. */
export interface CommandResult {
  readonly code: number;
  /** The signal that has killed it; null where none has. */
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command without input to its end, however that is. */
export async function output(
  argv: readonly string[],
  options: Omit<Deno.CommandOptions, "args"> = {},
): Promise<CommandResult> {
  const [command = "", ...args] = argv;
  const { code, signal, stdout, stderr } = await new Deno.Command(command, {
    stdin: "null",
    ...options,
    args,
  }).output();
  const decoder = new TextDecoder();
  return { code, signal, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs a command that has to succeed; returns what it printed, or throws with its stderr. */
export async function run(
  argv: readonly string[],
  options: Omit<Deno.CommandOptions, "args"> = {},
): Promise<string> {
  const { code, stdout, stderr } = await output(argv, options);
  if (code !== 0) throw new Error(`${argv.join(" ")}: ${stderr.trim()}`);
  return stdout;
}

/** Runs Deno in a directory, which has to succeed; returns all that it said. */
export async function deno(cwd: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await output([Deno.execPath(), ...args], {
    cwd,
    env: { NO_COLOR: "1" },
  });
  if (code !== 0) throw new Error(`deno ${args.join(" ")}:\n${stdout}${stderr}`);
  return stdout + stderr;
}
