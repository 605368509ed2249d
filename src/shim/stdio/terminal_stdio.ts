// SPDX-License-Identifier: MIT
import { EAGAIN, EIO, isErrno } from "../../linux/libc/errno.ts";
import {
  close,
  dup,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  OwnedFd,
  readAvailable,
  write,
} from "../../linux/fd/fd.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import { ConsoleSocket, setWinsize } from "../../linux/fd/pty.ts";
import type { TerminalOutput } from "./terminal_output.ts";
import type { Stdio } from "./stdio.ts";
import { openStdinFifo } from "./fd_stdio.ts";

/** A pty gives at most 4 KiB a read; input from a FIFO comes in larger pieces. */
const CHUNK = 16 * 1024;

/** What is read at a time when the process has exited: as much as a FIFO with room takes. */
const AT_EXIT = 4096;

/** How many reads in a row may go without letting anything else in this process run. */
const BURST = 64;

/** The socket that a pty comes through, and the two ends that it is connected to. */
export interface TerminalStdioOptions {
  /** The bundle, where the socket is made that the pty's master comes through. */
  readonly dir: string;
  /** Begins the name of that socket. */
  readonly name: string;
  /** Path of the client's FIFO; `""` where there is none. */
  readonly stdin: string;
  readonly output: TerminalOutput;
  readonly poller: Poller;
}

/**
 * Stdio of a process with a terminal: the shim holds the pty's master and copies between it and the
 * client's FIFOs. Nothing is read from the master that the output cannot take (so a client that
 * does not read stops the process, not the shim), and copying goes on after the exit until the last
 * process that has the terminal open has closed it.
 */
export class TerminalStdio implements Stdio {
  readonly fds = undefined;
  readonly #socket: ConsoleSocket;
  /** Keeps the path of the socket, which goes through this fd, until the socket is closed. */
  #dir: OwnedFd | undefined;
  readonly #poller: Poller;
  readonly #output: TerminalOutput;
  readonly #stop = new AbortController();
  readonly #stopInput = new AbortController();
  #stdin: { reading: number; writing: number } | undefined;
  #master = -1;
  #copies: Promise<void>[] = [];
  #copyingOut: Promise<void> | undefined;
  #exited = false;
  /** Whether a write to the output is under way. */
  #writing = false;

  /**
   * Listens for the master and opens the client's end of stdin. Closes the output when it throws.
   *
   * @throws {InvalidParamsError} if a path is missing or is not a FIFO.
   */
  constructor({ dir, name, stdin, output, poller }: TerminalStdioOptions) {
    this.#poller = poller;
    this.#output = output;
    try {
      if (stdin !== "") this.#stdin = openStdinFifo(stdin, O_NONBLOCK);
      this.#dir = OwnedFd.open(dir, O_PATH | O_DIRECTORY);
      // The OCI runtime connects to it, for which the bundle's own path may be too long.
      this.#socket = ConsoleSocket.listen(`/proc/${Deno.pid}/fd/${this.#dir.fd}/${name}.tty`);
    } catch (error) {
      this.#dir?.[Symbol.dispose]();
      this.#closeStdin();
      this.#output.close();
      throw error;
    }
  }

  get consoleSocket(): string {
    return this.#socket.path;
  }

  onStart(): void {
    try {
      this.#master = this.#socket.receiveMaster();
    } finally {
      this.#closeSocket();
    }
    // Its own fd, so that each copy closes what it uses and waits on it alone. First, for of a process
    // that has ended already the output is at its end at once.
    if (this.#stdin !== undefined) {
      this.#copies.push(this.#copyIn(this.#stdin.reading, dup(this.#master)));
    }
    this.#copyingOut = this.#copyOut(this.#master);
    this.#copies.push(this.#copyingOut);
  }

  onExit(): void {
    this.#exited = true;
    this.#stopInput.abort();
    this.closeStdin();
    const master = this.#master;
    if (this.#writing || master < 0) return;
    const buffer = new Uint8Array(AT_EXIT);
    this.#output.takeAtExit(() => readAvailable(master, buffer), buffer);
  }

  closeStdin(): void {
    if (this.#stdin === undefined || this.#stdin.writing < 0) return;
    close(this.#stdin.writing);
    this.#stdin.writing = -1;
  }

  resize(width: number, height: number): boolean {
    if (this.#master < 0) return false;
    setWinsize(this.#master, width, height);
    return true;
  }

  async copied(): Promise<void> {
    await this.#copyingOut;
  }

  async close(): Promise<void> {
    this.#closeSocket();
    this.#stop.abort();
    this.#stopInput.abort();
    await Promise.all(this.#copies);
    this.#closeStdin();
    this.#output.close();
  }

  #closeSocket(): void {
    if (this.#dir === undefined) return;
    this.#socket[Symbol.dispose]();
    this.#dir[Symbol.dispose]();
    this.#dir = undefined;
  }

  #closeStdin(): void {
    this.closeStdin();
    if (this.#stdin !== undefined && this.#stdin.reading >= 0) close(this.#stdin.reading);
    this.#stdin = undefined;
  }

  async #copyOut(master: number): Promise<void> {
    const signal = this.#stop.signal;
    const buffer = new Uint8Array(CHUNK);
    try {
      for (let burst = 1;; burst++) {
        const count = readAvailable(master, buffer);
        if (count === 0) break;
        if (count === undefined || burst % BURST === 0) {
          await this.#poller.wait(master, "readable", { signal });
        }
        if (count === undefined) continue;
        this.#writing = true;
        await this.#output.write(buffer.subarray(0, count), signal);
        this.#writing = false;
      }
    } catch (error) {
      if (!signal.aborted) this.#report("output", error);
      else if (this.#exited) this.#output.drain(() => readAvailable(master, buffer), buffer);
    } finally {
      this.#master = -1;
      close(master);
      this.#stopInput.abort();
      this.#output.end();
    }
  }

  async #copyIn(stdin: number, master: number): Promise<void> {
    const signal = this.#stopInput.signal;
    const buffer = new Uint8Array(CHUNK);
    try {
      for (;;) {
        const count = readAvailable(stdin, buffer);
        // 0: no writer is left, which is only so after closeStdin.
        if (count === 0) break;
        if (count === undefined) await this.#poller.wait(stdin, "readable", { signal });
        else await this.#writeAll(master, buffer.subarray(0, count), signal);
      }
    } catch (error) {
      // EIO: no process has the terminal open any more.
      if (!signal.aborted && !isErrno(error, EIO)) this.#report("input", error);
    } finally {
      close(master);
      this.#closeStdin();
    }
  }

  async #writeAll(fd: number, bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      try {
        at += write(fd, bytes.subarray(at));
      } catch (error) {
        if (!isErrno(error, EAGAIN)) throw error;
        await this.#poller.wait(fd, "writable", { signal });
      }
    }
  }

  #report(what: string, error: unknown): void {
    // The rest of the terminal still works, and the client sees the end of this stream.
    console.error(`copying terminal ${what} failed:`, error);
  }
}
