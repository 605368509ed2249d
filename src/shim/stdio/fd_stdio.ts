// SPDX-License-Identifier: MIT
import {
  close,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  open,
  setNonblocking,
} from "../../linux/fd/fd.ts";
import { isFifo } from "../../linux/fd/fifo.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import { filePath } from "../../oci/bundle_layout.ts";
import type { StdioPaths } from "../../oci/bundle_layout.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { FifoKeepalive } from "./fifo_keepalive.ts";
import { HeldStdio } from "./held_stdio.ts";
import { openOutputFile, openTargetFile } from "./output_file.ts";
import type { StdioFds } from "./stdio.ts";
import { messageOf } from "../../error_text.ts";

/**
 * Stdio without a terminal: the process gets the client's FIFO or file itself, so no byte passes
 * through the shim.
 *
 * An output FIFO is given to the process open for reading too: then there always is a reader and
 * a process never gets SIGPIPE, even when shim and client are both gone. What it wrote last stays
 * in the FIFO after it has exited because the shim has the writing end open as well.
 */
export class FdStdio extends HeldStdio {
  override readonly fds: StdioFds;
  readonly #poller: Poller;
  /** Fds that are only open to be given away. */
  #given: number[] = [];

  /**
   * Opens all three.
   *
   * @throws {InvalidParamsError} if a path is missing or is not a FIFO.
   */
  constructor(stdio: StdioPaths, poller: Poller) {
    super();
    this.#poller = poller;
    try {
      const stdin = this.#openStdin(stdio.stdin);
      const stdout = this.#openOutput("stdout", stdio.stdout);
      const stderr = stdio.stderr === stdio.stdout
        ? stdout
        : this.#openOutput("stderr", stdio.stderr);
      this.fds = { stdin, stdout, stderr };
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  override onStart(): void {
    this.#closeGiven();
  }

  override async close(): Promise<void> {
    this.#closeGiven();
    await super.close();
  }

  #closeGiven(): void {
    for (const fd of this.#given) close(fd);
    this.#given = [];
  }

  #give(fd: number): number {
    this.#given.push(fd);
    return fd;
  }

  #openStdin(path: string): number {
    if (path === "") return this.#give(open("/dev/null", O_RDONLY));
    const { reading, writing } = openStdinFifo(path, 0);
    this.stdin = writing;
    return this.#give(reading);
  }

  #openOutput(name: "stdout" | "stderr", target: string): number {
    if (target === "") return this.#give(open("/dev/null", O_WRONLY));
    const file = filePath(target);
    if (file !== undefined) return this.#give(openBlocking(name, file));
    checkFifo(name, target);
    const fd = this.#give(open(target, O_RDWR));
    this.outputs.set(target, new FifoKeepalive(target, this.#poller));
    return fd;
  }
}

/** Opens a file for the process, which does not expect O_NONBLOCK. */
function openBlocking(name: string, path: string): number {
  const fd = openTargetFile(name, () => openOutputFile(path));
  setNonblocking(fd, false);
  return fd;
}

/**
 * Opens both ends of a stdin FIFO without waiting for a writer.
 *
 * @param flags added to the reading end's.
 */
export function openStdinFifo(path: string, flags: number): { reading: number; writing: number } {
  checkFifo("stdin", path);
  // Open for both never waits (fifo(7)), and while it is open neither do the other two.
  const both = open(path, O_RDWR | O_NONBLOCK);
  try {
    const writing = open(path, O_WRONLY | O_NONBLOCK);
    try {
      return { reading: open(path, O_RDONLY | flags), writing };
    } catch (error) {
      close(writing);
      throw error;
    }
  } finally {
    close(both);
  }
}

/**
 * Checks that there is a FIFO at `path`.
 *
 * @throws {InvalidParamsError} naming the stdio if there is none.
 */
export function checkFifo(name: string, path: string): void {
  let fifo: boolean;
  try {
    fifo = isFifo(path);
  } catch (error) {
    const message = messageOf(error);
    throw invalid(name, `cannot be looked at: ${message}`, error);
  }
  if (!fifo) throw invalid(name, `${path} is not an existing FIFO`);
}

function invalid(name: string, message: string, cause?: unknown): InvalidParamsError {
  return new InvalidParamsError(`${name}: ${message}`, [{ path: name, message }], { cause });
}
