// SPDX-License-Identifier: MIT

/** The output of a program that {@linkcode runTool} has run, without white space around it. */
export interface ToolOutput {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of the build, without input and colors. Throws the signal's reason once aborted. */
export async function runTool(
  path: string,
  options: Deno.CommandOptions,
): Promise<ToolOutput> {
  const { success, stdout, stderr } = await new Deno.Command(path, {
    ...options,
    env: { ...options.env, NO_COLOR: "1", RUST_BACKTRACE: "0" },
    stdin: "null",
  }).output();
  options.signal?.throwIfAborted();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { success, stdout: text(stdout), stderr: text(stderr) };
}
