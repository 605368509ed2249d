// SPDX-License-Identifier: MIT
import type { Poller } from "../../linux/fd/poller.ts";
import type { LogRecord, StdioPaths } from "../../oci/bundle_layout.ts";
import { FdStdio } from "./fd_stdio.ts";
import { FifoOutput } from "./fifo_output.ts";
import type { Stdio } from "./stdio.ts";
import { TerminalStdio } from "./terminal_stdio.ts";

/** What {@linkcode openStdio} opens. */
export interface OpenStdioOptions {
  /** The bundle, where a terminal's socket and a log's FIFOs are made. */
  readonly dir: string;
  /** Name of the terminal's socket. */
  readonly socket: string;
  readonly stdio: StdioPaths;
  /** Set where the output is logged. */
  readonly log?: LogRecord | undefined;
  readonly poller: Poller;
  /** Writes a line for a person to read. */
  readonly report: (message: string) => void;
}

/**
 * Opens the stdio of a process.
 *
 * @throws {InvalidParamsError} if a FIFO is missing.
 */
export async function openStdio(options: OpenStdioOptions): Promise<Stdio> {
  const { stdio, log, poller } = options;
  if (log !== undefined) {
    // Only then: what writes logs is not loaded by a shim that has none.
    const { openLoggedStdio } = await import("../log/open.ts");
    return openLoggedStdio({ ...options, log });
  }
  if (!stdio.terminal) return FdStdio.open(stdio, poller);
  const output = FifoOutput.open(stdio.stdout, poller);
  return TerminalStdio.open({ ...options, stdin: stdio.stdin, output });
}

/** Takes over the stdio of a process that has lost its shim; `alive` says whether it runs. */
export async function adoptStdio(
  options: Omit<OpenStdioOptions, "socket">,
  alive: boolean,
): Promise<Stdio> {
  const { stdio, log, poller } = options;
  if (log !== undefined && !stdio.terminal) {
    const { adoptLoggedStdio } = await import("../log/open.ts");
    return adoptLoggedStdio({ ...options, log }, alive);
  }
  const { AdoptedStdio } = await import("./adopted_stdio.ts");
  return new AdoptedStdio(stdio, alive, poller);
}
