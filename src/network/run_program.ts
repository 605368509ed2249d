// SPDX-License-Identifier: MIT
import { fdPath, memfd, O_RDONLY, OwnedFd, preadAll, write } from "../linux/fd/fd.ts";
import { after } from "../linux/event_loop/timer.ts";
import { absolutePathEntries, DEFAULT_PATH } from "../linux/process/environment.ts";
import type { Exit, Spawn } from "../oci/driver/spawn.ts";

/** How {@linkcode runProgram} runs a program. */
export interface ProgramOptions {
  readonly spawn: Spawn;
  readonly env: Readonly<Record<string, string>>;
  /** What it reads; nothing if left out. */
  readonly input?: string;
  /** How long it is waited for, in milliseconds. */
  readonly timeoutMs: number;
}

/** How a program has ended, and what it wrote. */
export interface ProgramEnd {
  /** Undefined if it has not ended in time; it then goes on. */
  readonly exit: Exit | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end.
 *
 * @throws {LinuxError} if it cannot be started.
 */
export async function runProgram(
  argv: readonly string[],
  { spawn, env, input = "", timeoutMs }: ProgramOptions,
): Promise<ProgramEnd> {
  using stdin = readable(input);
  using stdout = new OwnedFd(memfd("stdout"));
  using stderr = new OwnedFd(memfd("stderr"));
  const child = spawn(argv, {
    env,
    stdin: stdin.fd,
    stdout: stdout.fd,
    stderr: stderr.fd,
    // Not the caller's: a daemon is set to outlive others.
    oomScoreAdj: 0,
  });
  const late = Promise.withResolvers<undefined>();
  using _timer = after(timeoutMs, () => late.resolve(undefined));
  const exit = await Promise.race([child.exited, late.promise]);
  return { exit, stdout: textOf(stdout), stderr: textOf(stderr) };
}

/** Returns a file that reads as `text` from its beginning. */
function readable(text: string): OwnedFd {
  using file = new OwnedFd(memfd("stdin"));
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(write(file.fd, bytes));
  // Opened anew, for an offset of its own.
  return OwnedFd.open(fdPath(file.fd), O_RDONLY);
}

function textOf(file: OwnedFd): string {
  return new TextDecoder().decode(preadAll(file.fd));
}

/**
 * Returns the PATH of plugins: they find `iptables` and its like also where this process's own does
 * not lead to it.
 */
export function pluginPath(): string {
  return `${absolutePathEntries(Deno.env.get("PATH"))}:${DEFAULT_PATH}`;
}
