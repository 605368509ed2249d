// SPDX-License-Identifier: MIT
import { close } from "../../linux/fd/fd.ts";
import type { FifoKeepalive } from "./fifo_keepalive.ts";

/** The ends of a process's FIFOs that the shim keeps open without copying a byte. */
export class HeldFifos {
  /** Write end of stdin. It keeps stdin from ending when a client detaches. */
  stdin: number | undefined;
  /** The output FIFOs by path. */
  readonly outputs = new Map<string, FifoKeepalive>();

  /** Handles the exit of the process: closes stdin, and each output once it is read. */
  exited(): void {
    this.closeStdin();
    for (const output of this.outputs.values()) output.exited();
  }

  /** Closes the write end of stdin, so that its reader sees the end. */
  closeStdin(): void {
    if (this.stdin !== undefined) close(this.stdin);
    this.stdin = undefined;
  }

  /** Closes everything, whether read or not. */
  close(): void {
    this.closeStdin();
    for (const output of this.outputs.values()) output.close();
  }
}
