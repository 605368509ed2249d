// SPDX-License-Identifier: MIT
import type { FdReserve } from "../linux/fd/fd_reserve.ts";
import { close, dup, dup2, O_APPEND, O_CREAT, O_WRONLY, open } from "../linux/fd/fd.ts";

const STDERR = 2;

/**
 * Where this process's stderr goes: at first to what it was started with, then to the shim.log of
 * the bundle that it serves, so that a crash of the engine too can be read there.
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

  /** Sends stderr back to where it went first. */
  restore(): void {
    dup2(this.#original, STDERR);
  }
}

/** Appends one line with the time to a bundle's shim.log. */
export function appendLog(path: string, message: string, reserve: FdReserve): void {
  const line = `${new Date().toISOString()} ${message}\n`;
  try {
    reserve.run(() => Deno.writeTextFileSync(path, line, { append: true, mode: 0o600 }));
  } catch {
    // There is nobody to tell that it cannot be told: the bundle is gone or the disk full.
  }
}
