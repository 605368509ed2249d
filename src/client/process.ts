// SPDX-License-Identifier: MIT
// A process of a container as the client library sees it: init, or an exec.
import {
  BerthError,
  FailedPreconditionError,
  NotFoundError,
  UnavailableError,
} from "../rpc/errors.ts";
import type { CallOptions } from "../rpc/peer/call_options.ts";
import type { DaemonMethods, DeleteResult, ExitStatus } from "./daemon_types.ts";
import type { DaemonLink } from "./link.ts";
import { RetryPause } from "./retry_pause.ts";
import type { PipedStdio } from "./stdio.ts";

/** The processes that {@linkcode ContainerProcess.kill} signals. */
export interface KillOptions extends CallOptions {
  /** To every process in the container. */
  readonly all?: boolean;
}

/** The common part of init and exec processes. */
export abstract class ContainerProcess implements AsyncDisposable {
  /** The container's id. */
  readonly id: string;
  /** The exec process's id; undefined for the container's first process. */
  readonly execId: string | undefined;
  readonly #link: DaemonLink;
  readonly #stdio: PipedStdio | undefined;

  /** @internal Made by the subclasses. */
  protected constructor(
    link: DaemonLink,
    id: string,
    execId: string | undefined,
    stdio: PipedStdio | undefined,
  ) {
    this.#link = link;
    this.id = id;
    this.execId = execId;
    this.#stdio = stdio;
    if (stdio !== undefined) stdio.onStdinClosed = () => this.#letGoOfStdin();
  }

  /** The process's stdin, if that was `piped`. Closing the stream ends the input. */
  get stdin(): WritableStream<Uint8Array> | undefined {
    return this.#stdio?.stdin;
  }

  /** The process's stdout, if that was `piped`. The process blocks while it is not read. */
  get stdout(): ReadableStream<Uint8Array> | undefined {
    return this.#stdio?.stdout;
  }

  /** The process's stderr, if that was `piped` and there is no terminal. To be read too. */
  get stderr(): ReadableStream<Uint8Array> | undefined {
    return this.#stdio?.stderr;
  }

  /**
   * Resolves when the process has exited; at once if it has. Goes on waiting while the daemon is
   * away, for as long as that takes: give a signal or a timeout where that should have an end.
   */
  async wait(options: CallOptions = {}): Promise<ExitStatus> {
    const { signal, timeoutMs } = options;
    const deadline = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
    const pause = new RetryPause();
    for (;;) {
      const left = deadline - performance.now();
      try {
        return await this.call("container.wait", this.target, {
          signal,
          timeoutMs: left === Infinity ? undefined : Math.max(0, left),
        });
      } catch (error) {
        if (!(error instanceof UnavailableError) || this.#link.isClosed) throw error;
        // A daemon that is there and cannot reach the shim says so; one that looks for it will.
        const { shim } = error.data;
        if (shim !== undefined && shim !== "connecting") throw error;
        if (performance.now() + pause.ms > deadline) throw error;
      }
      await pause.wait(signal);
      signal?.throwIfAborted();
    }
  }

  /** Sends the process a signal: a number, or a name with or without `SIG`. */
  async kill(signal: number | string, options: KillOptions = {}): Promise<void> {
    const { all, ...rest } = options;
    await this.call("container.kill", { ...this.target, signal, all }, rest);
  }

  /** Sets the size of the process's terminal, in characters. */
  async resize(width: number, height: number, options?: CallOptions): Promise<void> {
    await this.call("container.resizePty", { ...this.target, width, height }, options);
  }

  /**
   * Makes berth close the process's stdin. The process sees its end once no other writer has it
   * open. Closing {@linkcode stdin} does this too.
   */
  async closeStdin(options?: CallOptions): Promise<void> {
    await this.call("container.closeStdin", this.target, options);
  }

  /** Removes the process once it has exited; answers how it had. */
  abstract delete(options?: CallOptions): Promise<DeleteResult>;

  /** Closes the streams of this handle; the process goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdio?.close();
  }

  /** Calls a method of the daemon. */
  protected call<N extends keyof DaemonMethods>(
    method: N,
    params: DaemonMethods[N]["params"],
    options?: CallOptions,
  ): Promise<DaemonMethods[N]["result"]> {
    return this.#link.call(method, params, options);
  }

  /** The params that name the process. */
  protected get target(): { id: string; execId?: string } {
    return this.execId === undefined ? { id: this.id } : { id: this.id, execId: this.execId };
  }

  async #letGoOfStdin(): Promise<void> {
    try {
      await this.closeStdin();
    } catch (error) {
      // A process that has exited needs no end of input any more.
      const over = error instanceof NotFoundError || error instanceof FailedPreconditionError;
      if (!(error instanceof BerthError) || !over) throw error;
    }
  }
}

/** A further process in a container, as `Container.exec` answers it. */
export class ExecProcess extends ContainerProcess {
  /** Pid of the process. */
  readonly pid: number;
  /** Its id, unique within its container. */
  override readonly execId: string;

  /** @internal Made by `Container.exec`. */
  constructor(
    link: DaemonLink,
    id: string,
    exec: { readonly execId: string; readonly pid: number },
    stdio?: PipedStdio,
  ) {
    super(link, id, exec.execId, stdio);
    this.execId = exec.execId;
    this.pid = exec.pid;
  }

  /** Forgets the process, which must have exited; answers how it had. */
  async delete(options?: CallOptions): Promise<DeleteResult> {
    const { id, execId } = this;
    return await this.call("container.deleteProcess", { id, execId }, options);
  }
}
