// SPDX-License-Identifier: MIT
import { ENOENT, ENXIO, isErrno } from "../../linux/libc/errno.ts";
import { close, O_NONBLOCK, O_WRONLY, open } from "../../linux/fd/fd.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import type { StdioPaths } from "../../oci/bundle_layout.ts";
import { filePath } from "../../oci/bundle_layout.ts";
import { FifoKeepalive } from "./fifo_keepalive.ts";
import type { Stdio } from "./stdio.ts";

/**
 * Stdio of a process that lost its shim: it has its FIFOs and files itself and only their holds are
 * taken again. What went through the shim, a terminal, is lost.
 */
export class AdoptedStdio implements Stdio {
  readonly fds = undefined;
  readonly consoleSocket = undefined;
  readonly #outputs: FifoKeepalive[];
  #stdinHold: number | undefined;

  /** @param alive whether the process runs; else there is nothing to be held. */
  constructor(stdio: StdioPaths, alive: boolean, poller: Poller) {
    const held = alive && !stdio.terminal;
    this.#stdinHold = held && stdio.stdin !== ""
      ? ifThere(() => open(stdio.stdin, O_WRONLY | O_NONBLOCK))
      : undefined;
    const outputs = new Set(held ? [stdio.stdout, stdio.stderr] : []);
    this.#outputs = Array.from(outputs)
      .filter((target) => target !== "" && filePath(target) === undefined)
      .flatMap((target) => ifThere(() => FifoKeepalive.open(target, poller)) ?? []);
  }

  started(): void {}

  exited(): void {
    this.closeStdin();
    for (const output of this.#outputs) output.exited();
  }

  closeStdin(): void {
    if (this.#stdinHold !== undefined) close(this.#stdinHold);
    this.#stdinHold = undefined;
  }

  resize(): boolean {
    return false;
  }

  copied(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closeStdin();
    for (const output of this.#outputs) output.close();
    return Promise.resolve();
  }
}

/** A FIFO may have been removed, or the process may have closed its end. */
function ifThere<T>(hold: () => T): T | undefined {
  try {
    return hold();
  } catch (error) {
    if (isErrno(error, ENOENT, ENXIO)) return undefined;
    throw error;
  }
}
