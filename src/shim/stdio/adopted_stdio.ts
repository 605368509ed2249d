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
      this.stdin = unlessGone(() => open(stdio.stdin, O_WRONLY | O_NONBLOCK));
    }
    for (const target of new Set([stdio.stdout, stdio.stderr])) {
      if (target === "" || filePath(target) !== undefined) continue;
      const output = unlessGone(() => new FifoKeepalive(target, poller));
      if (output !== undefined) this.outputs.set(target, output);
    }
  }
}

/**
 * Returns what `hold` opens; undefined where the FIFO was removed, or the process has closed its
 * end.
 */
function unlessGone<T>(hold: () => T): T | undefined {
  try {
    return hold();
  } catch (error) {
    if (isErrno(error, ENOENT, ENXIO)) return undefined;
    throw error;
  }
}
