// SPDX-License-Identifier: MIT
import { isFifo } from "../linux/fd/fifo.ts";
import { filePath } from "../oci/bundle_layout.ts";
import type { HostUser } from "../oci/bundle_layout.ts";
import { AdoptedStdio } from "./stdio/adopted_stdio.ts";
import { FdStdio } from "./stdio/fd_stdio.ts";
import { FifoOutput } from "./stdio/fifo_output.ts";
import type { OpenStdioOptions, Stdio } from "./stdio/stdio.ts";
import { TerminalStdio } from "./stdio/terminal_stdio.ts";

/**
 * Opens the stdio of a process.
 *
 * @throws {InvalidParamsError} if a FIFO is missing.
 */
export async function openStdio(options: OpenStdioOptions): Promise<Stdio> {
  const io = await open(options);
  try {
    if (options.owner !== undefined) giveTo(options.owner, io);
    return io;
  } catch (error) {
    await io.close();
    throw error;
  }
}

/** Gives the FIFOs to a user, who can then open them again as `/dev/stdout`; as containerd does. */
function giveTo({ uid, gid }: HostUser, { fds }: Stdio): void {
  for (const fd of fds === undefined ? [] : [fds.stdin, fds.stdout, fds.stderr]) {
    const path = `/proc/self/fd/${fd}`;
    if (isFifo(path)) Deno.chownSync(path, uid, gid);
  }
}

async function open(options: OpenStdioOptions): Promise<Stdio> {
  const { stdio, poller } = options;
  if (isCopied(options)) {
    // Only then: what copies is not loaded by a shim that has nothing to copy.
    const { openCopiedStdio } = await import("./log/open_copied_stdio.ts");
    return openCopiedStdio(options);
  }
  if (!stdio.terminal) return new FdStdio(stdio, poller);
  const output = FifoOutput.open(stdio.stdout, poller);
  return new TerminalStdio({ ...options, stdin: stdio.stdin, output });
}

/** Takes over the stdio of a process that has lost its shim; `alive` says whether it runs. */
export async function adoptStdio(options: OpenStdioOptions, alive: boolean): Promise<Stdio> {
  const { stdio, poller } = options;
  if (isCopied(options) && !stdio.terminal) {
    const { adoptCopiedStdio } = await import("./log/open_copied_stdio.ts");
    return adoptCopiedStdio(options, alive);
  }
  return new AdoptedStdio(stdio, alive, poller);
}

/**
 * Returns whether this process copies the output, or the process writes it to where it belongs. A
 * terminal's output always comes through here.
 */
function isCopied({ stdio, log }: OpenStdioOptions): boolean {
  if (log !== undefined) return true;
  return !stdio.terminal &&
    (filePath(stdio.stdout) !== undefined || filePath(stdio.stderr) !== undefined);
}
