// SPDX-License-Identifier: MIT
import { removeFile } from "../../linux/fs/remove_file.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import type { StdioPaths } from "../../oci/bundle_layout.ts";
import { AdoptedStdio } from "../stdio/adopted_stdio.ts";
import { FdStdio } from "../stdio/fd_stdio.ts";
import type { Stdio } from "../stdio/stdio.ts";
import type { LogStream } from "./cri_format.ts";
import { type FifoSink, FifoSource } from "./fifo_source.ts";

/** The stdio of a process, and the sinks that its output is copied to. */
export interface CopiedStdioOptions {
  /** Begins the paths of the FIFOs that it makes. */
  readonly fifoPrefix: string;
  readonly stdio: StdioPaths;
  readonly poller: Poller;
  /**
   * Where each stream that is copied goes. Streams of one sink share a FIFO, which keeps their
   * order.
   */
  readonly sinks: ReadonlyMap<LogStream, FifoSink>;
  /** Released at the end, after everything was copied. */
  readonly resources: Disposable;
}

/**
 * Stdio without a terminal of which some output is copied: the process writes to FIFOs of berth's own,
 * from which it is handed to sinks, a log say.
 *
 * The process has its ends open for reading and writing, so it outlives the copier: a process
 * that takes over finds in the FIFOs what was not read yet. It cannot reach the files that its output
 * ends up in.
 */
export class CopiedStdio implements Stdio {
  readonly consoleSocket = undefined;
  readonly #inner: Stdio;
  readonly #sources = new Map<string, FifoSource>();
  readonly #resources: Disposable;

  private constructor(options: CopiedStdioOptions, openInner: (stdio: StdioPaths) => Stdio) {
    const { sinks, stdio, poller } = options;
    this.#resources = options.resources;
    this.#inner = openInner({ ...stdio, ...Object.fromEntries(fifos(options)) });
    try {
      for (const [stream, path] of fifos(options)) {
        const sink = sinks.get(stream);
        if (sink === undefined || this.#sources.has(path)) continue;
        this.#sources.set(path, new FifoSource(path, poller, sink));
      }
    } catch (error) {
      void this.#inner.close();
      this.#closeSources();
      throw error;
    }
  }

  /**
   * Makes the FIFOs and opens everything.
   *
   * @throws {InvalidParamsError} if a client's FIFO is missing.
   * @throws {LinuxError} ENOSPC, EMFILE, …
   */
  static open(options: CopiedStdioOptions): CopiedStdio {
    const paths = new Set(fifos(options).values());
    try {
      for (const path of paths) mkfifo(path);
      return new CopiedStdio(options, (stdio) => new FdStdio(stdio, options.poller));
    } catch (error) {
      for (const path of paths) removeFile(path);
      throw error;
    }
  }

  /** Takes over the FIFOs of a process that has lost its shim; `alive` says whether it runs. */
  static adopt(options: CopiedStdioOptions, alive: boolean): CopiedStdio {
    const io = new CopiedStdio(
      options,
      (stdio) => new AdoptedStdio(stdio, alive, options.poller),
    );
    io.onStart();
    return io;
  }

  get fds(): Stdio["fds"] {
    return this.#inner.fds;
  }

  onStart(): void {
    this.#inner.onStart();
    for (const source of this.#sources.values()) source.start();
  }

  onExit(): void {
    this.#inner.onExit();
    // The output is copied when the exit becomes known: it is in the FIFOs already.
    for (const source of this.#sources.values()) source.drain();
  }

  closeStdin(): void {
    this.#inner.closeStdin();
  }

  resize(): boolean {
    return false;
  }

  copied(): Promise<void> {
    // The output of the process is copied when it has exited; others may write on forever.
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#inner.close();
    this.#closeSources();
    this.#resources[Symbol.dispose]();
  }

  #closeSources(): void {
    for (const [path, source] of this.#sources) {
      source.drain();
      source[Symbol.dispose]();
      removeFile(path);
    }
    this.#sources.clear();
  }
}

/** Returns the path of each copied stream's FIFO. */
function fifos({ fifoPrefix, sinks }: CopiedStdioOptions): Map<LogStream, string> {
  const first = new Map<FifoSink, LogStream>();
  return new Map(Array.from(sinks, ([stream, sink]) => {
    const name = first.get(sink) ?? stream;
    first.set(sink, name);
    return [stream, `${fifoPrefix}${name}.fifo`];
  }));
}
