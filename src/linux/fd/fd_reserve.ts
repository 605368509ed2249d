// SPDX-License-Identifier: MIT
import { errnoNameOf } from "../libc/errno.ts";
import { O_RDONLY, OwnedFd } from "./fd.ts";

/**
 * An fd that is kept for what must not fail for lack of one: how a process has ended has to be
 * recorded also where this process, or the machine, has as many files open as it may.
 */
export class FdReserve implements Disposable {
  #held: OwnedFd | undefined = reserve();

  /**
   * Makes sure that the fd is held, before what cannot be undone.
   *
   * @throws {LinuxError} EMFILE, ENFILE.
   */
  acquire(): void {
    this.#held ??= OwnedFd.open("/dev/null", O_RDONLY);
  }

  /**
   * Runs `work`. If that finds no free fd, runs it again with the reserved one. It needs one fd at a
   * time, and what it does can be done again.
   */
  run<T>(work: () => T): T {
    this.#held ??= reserve();
    try {
      return work();
    } catch (error) {
      if (!lacksFd(error) || this.#held === undefined) throw error;
      this[Symbol.dispose]();
      try {
        return work();
      } finally {
        this.#held = reserve();
      }
    }
  }

  [Symbol.dispose](): void {
    this.#held?.[Symbol.dispose]();
    this.#held = undefined;
  }
}

function reserve(): OwnedFd | undefined {
  try {
    return OwnedFd.open("/dev/null", O_RDONLY);
  } catch (error) {
    // It is tried again when it is needed.
    if (!lacksFd(error)) throw error;
    return undefined;
  }
}

/** Returns whether a call of berth or of Deno failed because there was no free fd. */
function lacksFd(error: unknown): boolean {
  const name = errnoNameOf(error);
  return name === "EMFILE" || name === "ENFILE";
}
