// SPDX-License-Identifier: MIT
import { close } from "../../linux/fd/fd.ts";
import type { FifoKeepalive } from "./fifo_keepalive.ts";
import type { Stdio, StdioFds } from "./stdio.ts";

/** Stdio whose FIFOs and files the process has itself: the shim only holds ends and copies no byte. */
export abstract class HeldStdio implements Stdio {
  abstract readonly fds: StdioFds | undefined;
  readonly consoleSocket = undefined;
  /** Write end of stdin. It keeps stdin from ending when a client detaches. */
  protected stdin: number | undefined;
  /** The output FIFOs by path. */
  protected readonly outputs = new Map<string, FifoKeepalive>();

  onStart(): void {}

  onExit(): void {
    this.closeStdin();
    for (const output of this.outputs.values()) output.closeOnceRead();
  }

  closeStdin(): void {
    if (this.stdin !== undefined) close(this.stdin);
    this.stdin = undefined;
  }

  resize(): boolean {
    return false;
  }

  copied(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closeStdin();
    for (const output of this.outputs.values()) output.close();
    return Promise.resolve();
  }
}
