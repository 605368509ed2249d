// SPDX-License-Identifier: MIT
import { ENOENT, ENXIO, isErrno } from "../../linux/libc/errno.ts";
import { O_NONBLOCK, O_WRONLY, open } from "../../linux/fd/fd.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import type { StdioPaths } from "../../oci/bundle_layout.ts";
import { filePath } from "../../oci/bundle_layout.ts";
import { FifoKeepalive } from "./fifo_keepalive.ts";
import { HeldStdio } from "./held_stdio.ts";

/**
 * Stdio of a process that lost its shim: it has its FIFOs and files itself and only their holds are
 * taken again. What went through the shim, a terminal, is lost.
 */
export class AdoptedStdio extends HeldStdio {
  override readonly fds = undefined;

  /** @param alive whether the process runs; else there is nothing to be held. */
  constructor(stdio: StdioPaths, alive: boolean, poller: Poller) {
    super();
    if (!alive || stdio.terminal) return;
    if (stdio.stdin !== "") {
      this.held.stdin = ifThere(() => open(stdio.stdin, O_WRONLY | O_NONBLOCK));
    }
    for (const target of new Set([stdio.stdout, stdio.stderr])) {
      if (target === "" || filePath(target) !== undefined) continue;
      const output = ifThere(() => FifoKeepalive.open(target, poller));
      if (output !== undefined) this.held.outputs.set(target, output);
    }
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
