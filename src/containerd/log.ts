// SPDX-License-Identifier: MIT
import { close, dup2, O_NONBLOCK, O_RDWR, O_WRONLY, open, write } from "../linux/fd/fd.ts";

const STDERR = 2;

/** How grave a line is, by the names that containerd's log has. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/**
 * Writes lines for a person to the FIFO `log` of a bundle, which containerd copies to its own log.
 * While containerd is away, or does not read, lines are dropped: nothing waits for it.
 */
export class ContainerdLog implements Disposable {
  readonly #debug: boolean;
  #fd = -1;

  /** @param debug whether lines of that level are written. */
  constructor(debug: boolean) {
    this.#debug = debug;
  }

  /** Opens the FIFO at `path`, and makes it this process's stderr. Without one nothing is written. */
  open(path: string): void {
    this.#fd = openFifo(path);
    dup2(this.#fd, STDERR);
  }

  /** Puts /dev/null in the place of the FIFO. */
  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    const nothing = open("/dev/null", O_WRONLY);
    dup2(nothing, STDERR);
    close(nothing);
    close(this.#fd);
    this.#fd = -1;
  }

  /** Writes one line, in the form that containerd's own log has. */
  write(level: LogLevel, message: string, fields: Readonly<Record<string, string>> = {}): void {
    if (this.#fd < 0 || (level === "debug" && !this.#debug)) return;
    const all = { time: new Date().toISOString(), level, msg: message, ...fields };
    const line = Object.entries(all).map(([name, value]) => `${name}=${quoted(value)}`).join(" ");
    try {
      write(this.#fd, new TextEncoder().encode(`${line}\n`));
    } catch {
      // EPIPE, EAGAIN: containerd is away or does not keep up, and there is no other place.
    }
  }
}

/** Opens the FIFO, also one that no process reads yet; /dev/null where there is none. */
function openFifo(path: string): number {
  try {
    const both = open(path, O_RDWR | O_NONBLOCK);
    try {
      return open(path, O_WRONLY | O_NONBLOCK);
    } finally {
      close(both);
    }
  } catch {
    // No bundle, or no FIFO there.
    return open("/dev/null", O_WRONLY);
  }
}

function quoted(value: string): string {
  return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
}
