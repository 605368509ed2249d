// SPDX-License-Identifier: MIT
import { HeldFifos } from "./held_fifos.ts";
import type { Stdio, StdioFds } from "./stdio.ts";

/** Stdio whose FIFOs and files the process has itself: the shim only holds ends and copies no byte. */
export abstract class HeldStdio implements Stdio {
  abstract readonly fds: StdioFds | undefined;
  readonly consoleSocket = undefined;
  /** What the shim holds. */
  protected readonly held = new HeldFifos();

  started(): void {}

  exited(): void {
    this.held.exited();
  }

  closeStdin(): void {
    this.held.closeStdin();
  }

  resize(): boolean {
    return false;
  }

  copied(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.held.close();
    return Promise.resolve();
  }
}
