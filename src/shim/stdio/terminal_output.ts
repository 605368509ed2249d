// SPDX-License-Identifier: MIT

/** Where the output of a terminal goes. */
export interface TerminalOutput {
  /** Writes all of `bytes`, waiting for room. Rejects when `signal` aborts. */
  write(bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<void>;
  /**
   * The process has exited: takes over what `readNext` puts into `buffer` where that loses nothing and
   * needs no waiting, so that it is there when the exit is known. `buffer` has room for 4096 bytes.
   */
  takeAtExit(readNext: () => number | undefined, buffer: Uint8Array<ArrayBuffer>): void;
  /** Takes over what `readNext` puts into `buffer` as far as there is room; the rest is lost. */
  drain(readNext: () => number | undefined, buffer: Uint8Array<ArrayBuffer>): void;
  /** Called when no more output will come: what is unread waits for a reader. */
  end(): void;
  /** Releases everything. Unread output is lost. */
  close(): void;
}
