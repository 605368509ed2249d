// SPDX-License-Identifier: MIT
import type { Poller } from "../../linux/fd/poller.ts";
import type { StdioPaths } from "../../oci/bundle_layout.ts";
import { Console } from "./terminal_stdio.ts";
import type { Stdio } from "./stdio.ts";
import { FdStdio } from "./fd_stdio.ts";

/**
 * Opens the stdio of a process.
 *
 * @param dir the bundle, where a terminal's socket is made.
 * @param socket name of that socket.
 * @throws {InvalidParamsError} if a FIFO is missing.
 */
export function openIo(stdio: StdioPaths, dir: string, socket: string, poller: Poller): Stdio {
  return stdio.terminal ? Console.open(dir, socket, stdio, poller) : FdStdio.open(stdio, poller);
}
