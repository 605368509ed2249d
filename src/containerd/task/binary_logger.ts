// SPDX-License-Identifier: MIT
import { after } from "../../linux/event_loop/timer.ts";
import { withTimeout } from "../../linux/event_loop/with_timeout.ts";
import {
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  OwnedFd,
  pipe2,
  readAvailable,
  setNonblocking,
} from "../../linux/fd/fd.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { SIGKILL, SIGTERM } from "../../linux/process/signals.ts";
import { ENOENT, ESRCH, isErrno } from "../../linux/libc/errno.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import type { Child } from "../../oci/driver/spawn.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { messageOf } from "../../error_text.ts";
import type { TaskContext } from "./context.ts";
import type { LoggerTarget } from "./io.ts";

/** How long a logger may take until it is ready, in milliseconds. */
const READY_WITHIN = 10_000;

/** How long it may take to end by itself once its input has ended, in milliseconds. */
const END_WITHIN = 1000;

/** How long after SIGTERM it is killed, in milliseconds. */
const KILL_AFTER = 12_000;

/** The logger's program and pipes, and the container whose output it gets. */
export interface LoggerOptions extends LoggerTarget {
  readonly id: string;
  readonly context: Pick<TaskContext, "namespace" | "reaper" | "poller" | "log">;
}

/**
 * A client's program that logs the output of one process, `binary://`. It reads FIFOs that the
 * process writes to, and so outlives this shim. Where it ends too early, the rest of the output is
 * discarded, or the process would wait forever.
 */
export class BinaryLogger {
  readonly #fifos: readonly string[];
  readonly #child: Child;
  /** Keeps the logger from seeing an end before the process has its FIFOs. */
  readonly #held = new DisposableStack();
  /** Aborted when the program is to end. */
  readonly #ending = new AbortController();

  /**
   * Starts the program and waits until it is ready.
   *
   * @throws {FailedPreconditionError} if it cannot be started, or a `binary-v2` ends instead.
   */
  static async start(options: LoggerOptions): Promise<BinaryLogger> {
    const { argv, context: { poller } } = options;
    const pipe = pipe2(O_NONBLOCK);
    using reading = new OwnedFd(pipe.read);
    let logger: BinaryLogger;
    {
      using writing = new OwnedFd(pipe.write);
      logger = new BinaryLogger(options, writing.fd);
    }
    try {
      const said = await isReady(reading.fd, poller);
      if (!said && options.mustSay) throw new Error("it has ended before it was ready");
      return logger;
    } catch (error) {
      await logger.end();
      throw new FailedPreconditionError(`the logger ${argv[0]}: ${messageOf(error)}`, {
        cause: error,
        data: { id: options.id },
      });
    }
  }

  private constructor({ id, argv, stdout, stderr, context }: LoggerOptions, ready: number) {
    this.#fifos = [stdout, stderr];
    using held = new DisposableStack();
    using given = new DisposableStack();
    try {
      const inputs = this.#fifos.map((path) => {
        mkfifo(path);
        held.use(OwnedFd.open(path, O_RDWR | O_NONBLOCK));
        const { fd } = given.use(OwnedFd.open(path, O_RDONLY | O_NONBLOCK));
        setNonblocking(fd, false);
        return fd;
      });
      setNonblocking(ready, false);
      this.#child = context.reaper.spawn(argv, {
        fds: [...inputs, ready],
        env: { CONTAINER_ID: id, CONTAINER_NAMESPACE: context.namespace },
        oomScoreAdj: 0,
      });
    } catch (error) {
      this.#removeFifos();
      throw new FailedPreconditionError(`the logger ${argv[0]}: ${messageOf(error)}`, {
        cause: error,
        data: { id },
      });
    }
    this.#held = held.move();
    void this.#discardRest({ id, argv, context });
  }

  /** Discards later output once the logger has ended, unless it ended as its input did. */
  async #discardRest(
    { id, argv, context }: Pick<LoggerOptions, "id" | "argv" | "context">,
  ): Promise<void> {
    const { status } = await this.#child.exited;
    if (this.#ending.signal.aborted) return;
    try {
      using opened = new DisposableStack();
      const fds = this.#fifos.map((path) =>
        opened.use(OwnedFd.open(path, O_RDONLY | O_NONBLOCK)).fd
      );
      // No writer is left where the process has ended before end() is called, as usual.
      const written = fds.filter((fd) => readAvailable(fd, new Uint8Array(1)) !== 0);
      if (written.length === 0) return;
      const message = `the logger ${argv[0]} has ended with ${status}: output is lost from here on`;
      context.log("warning", message, { id });
      const discards = written.map((fd) => discard(fd, context.poller, this.#ending.signal));
      // Each uses its FIFO until it has ended, whatever becomes of the other.
      for (const result of await Promise.allSettled(discards)) {
        if (result.status === "rejected") throw result.reason;
      }
    } catch (error) {
      // The FIFOs are gone with the bundle, and so are their writers.
      if (isErrno(error, ENOENT)) return;
      context.log("error", `discarding output: ${messageOf(error)}`, { id });
    }
  }

  /** Lets go of the FIFOs, which the process has by now. */
  releaseFifos(): void {
    this.#held.dispose();
  }

  /** Waits for the end of the program, which sees the end of its input, and kills it at last. */
  async end(): Promise<void> {
    this.#ending.abort();
    this.releaseFifos();
    if (!await withTimeout(this.#child.exited, END_WITHIN)) {
      this.#signal(SIGTERM);
      if (!await withTimeout(this.#child.exited, KILL_AFTER)) this.#signal(SIGKILL);
    }
    await this.#child.exited;
    this.#removeFifos();
  }

  #signal(signal: number): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!isErrno(error, ESRCH)) throw error;
    }
  }

  #removeFifos(): void {
    for (const path of this.#fifos) removeFile(path);
  }
}

/** Discards the content of a FIFO, until nobody has it open any more or the signal is aborted. */
async function discard(fd: number, poller: Poller, signal: AbortSignal): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  while (!signal.aborted) {
    const count = readAvailable(fd, buffer);
    if (count === 0) return;
    if (count !== undefined) continue;
    try {
      await poller.wait(fd, "readable", { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/**
 * Waits until something is written to a pipe, or all have closed it. Returns whether it was the
 * first.
 */
async function isReady(fd: number, poller: Poller): Promise<boolean> {
  const late = new AbortController();
  using _timer = after(READY_WITHIN, () => late.abort(new Error("it does not become ready")));
  const buffer = new Uint8Array(16);
  for (;;) {
    const count = readAvailable(fd, buffer);
    if (count !== undefined) return count > 0;
    await poller.wait(fd, "readable", { signal: late.signal });
  }
}
