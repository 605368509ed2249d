// SPDX-License-Identifier: MIT
import { mkfifo } from "../../linux/fd/fifo.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import type { LogRecord, StdioPaths } from "../../oci/bundle_layout.ts";
import { AdoptedStdio } from "../stdio/adopted_stdio.ts";
import { FdStdio } from "../stdio/fd_stdio.ts";
import type { Stdio } from "../stdio/stdio.ts";
import { ClientFifo } from "./client_fifo.ts";
import type { LogStream } from "./cri_format.ts";
import { FifoSource } from "./fifo_source.ts";
import { LogWriter } from "./log_writer.ts";

/** What {@linkcode LoggedStdio} is made of. */
export interface LoggedStdioOptions {
  /** The bundle, where the FIFOs are made. */
  readonly dir: string;
  readonly stdio: StdioPaths;
  readonly log: LogRecord;
  readonly poller: Poller;
  /** Writes a line for a person to read. */
  readonly report: (message: string) => void;
}

/**
 * Stdio without a terminal whose output is logged: the process writes to FIFOs in the bundle, from
 * which it is copied to the log, and to the client's FIFOs while these are read.
 *
 * The process has its ends open for reading and writing, so it outlives whoever copies: a process
 * that takes over finds in the FIFOs what was not read yet.
 */
export class LoggedStdio implements Stdio {
  readonly consoleSocket = undefined;
  readonly #inner: Stdio;
  readonly #log: LogWriter;
  readonly #resources = new DisposableStack();
  readonly #sources: FifoSource[] = [];

  private constructor(options: LoggedStdioOptions, openInner: (stdio: StdioPaths) => Stdio) {
    const { dir, stdio, poller } = options;
    using resources = new DisposableStack();
    this.#log = resources.use(new LogWriter(options));
    this.#log.open();
    this.#inner = openInner({
      ...stdio,
      stdout: fifoPath(dir, "stdout"),
      stderr: fifoPath(dir, "stderr"),
    });
    const clients = new Map<string, ClientFifo>();
    for (const stream of ["stdout", "stderr"] as const) {
      const target = stdio[stream];
      if (target !== "" && !clients.has(target)) {
        clients.set(target, resources.use(new ClientFifo(target, poller)));
      }
      const client = clients.get(target);
      const source = new FifoSource(fifoPath(dir, stream), poller, (bytes) => {
        const logged = this.#log.write(stream, bytes);
        const passed = client?.write(bytes);
        return logged && passed ? Promise.all([logged, passed]).then(() => {}) : logged ?? passed;
      });
      this.#sources.push(resources.use(source));
    }
    this.#resources = resources.move();
  }

  /**
   * Makes the FIFOs and opens everything.
   *
   * @throws {InvalidParamsError} if a client's FIFO is missing.
   * @throws {LinuxError} if the log cannot be opened.
   */
  static open(options: LoggedStdioOptions): LoggedStdio {
    for (const stream of ["stdout", "stderr"] as const) mkfifo(fifoPath(options.dir, stream));
    return new LoggedStdio(options, (stdio) => FdStdio.open(stdio, options.poller));
  }

  /** Takes over the FIFOs of a process that has lost its shim. */
  static adopt(options: LoggedStdioOptions, alive: boolean): LoggedStdio {
    const io = new LoggedStdio(options, (stdio) => new AdoptedStdio(stdio, alive, options.poller));
    io.started();
    return io;
  }

  get fds(): Stdio["fds"] {
    return this.#inner.fds;
  }

  started(): void {
    this.#inner.started();
    for (const source of this.#sources) source.start();
  }

  exited(): void {
    this.#inner.exited();
    // So that the log is complete when the exit is known: it is in the FIFOs, and waits for nobody.
    this.#drain();
  }

  closeStdin(): void {
    this.#inner.closeStdin();
  }

  resize(): boolean {
    return false;
  }

  async close(): Promise<void> {
    await this.#inner.close();
    this.#drain();
    this.#resources.dispose();
  }

  #drain(): void {
    for (const source of this.#sources) source.drain();
  }
}

function fifoPath(dir: string, stream: LogStream): string {
  return `${dir}/${stream}.fifo`;
}
