// SPDX-License-Identifier: MIT
import type { FdReserve } from "../linux/fd/fd_reserve.ts";
import { close, dup, dup2, O_APPEND, O_CREAT, O_WRONLY, open } from "../linux/fd/fd.ts";

const STDERR = 2;

/**
 * Redirects this process's stderr to the shim.log of the bundle that it serves, so that even a crash
 * of the JavaScript engine is logged there.
 */
export class ShimLog {
  readonly #original = dup(STDERR);

  /** Sends stderr to the end of the file at `path`. */
  redirect(path: string): void {
    const fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600);
    try {
      dup2(fd, STDERR);
    } finally {
      close(fd);
    }
  }

  /** Restores the original stderr. */
  restore(): void {
    dup2(this.#original, STDERR);
  }
}

/** Appends a line with a timestamp to a bundle's shim.log. Failures are ignored. */
export function appendLog(path: string, message: string, reserve: FdReserve): void {
  // Each line of the log begins at the margin, so further lines of a message are indented.
  const line = `${new Date().toISOString()} ${message.replaceAll(/[\n\r]+/g, "\n  ")}\n`;
  try {
    reserve.run(() => Deno.writeTextFileSync(path, line, { append: true, mode: 0o600 }));
  } catch {
    // The bundle is gone or the disk is full, and there is no other place to log that.
  }
}
