// SPDX-License-Identifier: MIT
import type { CallOptions } from "../rpc/peer/call_options.ts";
import type { ContainerState, DaemonMethods, ExitStatus, Removal, Stats } from "./daemon_types.ts";
import type { DaemonLink } from "./link.ts";
import { NotFoundError } from "../rpc/errors.ts";
import { deleteOnce, renameOnce, startOnce } from "./calls/exactly_once.ts";
import { ContainerProcess, ExecProcess } from "./process.ts";
import { acrossRestarts } from "./calls/across_restarts.ts";
import { PipedStdio, type PipedStreams } from "./stdio.ts";

/**
 * The params of {@linkcode Container.exec}: those of `container.exec` without the id. Where stdin,
 * stdout or stderr is `"piped"`, the handle has a stream for it.
 */
export type ExecParams = Omit<DaemonMethods["container.exec"]["params"], "id">;

/** Options of {@linkcode Container.delete}. */
export interface DeleteOptions extends CallOptions {
  /** Also when it runs: kills it first. */
  readonly force?: boolean;
  /** Only if it is still this instance (a member of its state): else `NotFoundError`. */
  readonly instance?: string;
}

/** Signal and grace of {@linkcode Container.stop} and {@linkcode Container.restart}. */
export interface StopOptions extends CallOptions {
  /** A number, or a name with or without `SIG`. Default: the container's own, else SIGTERM. */
  readonly stopSignal?: number | string;
  /** Milliseconds until SIGKILL. Default: the container's own, else 10 s. */
  readonly graceMs?: number;
}

/** Options of {@linkcode Container.checkpoint}. */
export interface CheckpointOptions extends CallOptions {
  /** Stop the container afterwards. */
  readonly exit?: boolean;
}

/** The facts that are known of a container when its handle is made. */
export interface ContainerHandleOptions {
  readonly stdio?: PipedStdio;
  readonly instance?: string;
  readonly deleteOnDispose?: boolean;
}

/**
 * A container, by its id. The handle holds nothing but the streams of piped stdio: the container
 * goes on when it is gone, unless `deleteOnDispose` was asked for, and any number of handles may be
 * of one container.
 */
export class Container extends ContainerProcess {
  readonly #link: DaemonLink;
  /** The instance, until it is started. */
  #created: string | undefined;
  readonly #deleteOnDispose: boolean;
  #deleted = false;

  /** @internal Made by `Client.create` and `Client.container`. */
  constructor(link: DaemonLink, id: string, options: ContainerHandleOptions = {}) {
    super(link, id, undefined, options.stdio);
    this.#link = link;
    this.#created = options.instance;
    this.#deleteOnDispose = options.deleteOnDispose ?? false;
  }

  /**
   * Starts the process of the created container, or runs a stopped one again; returns its pid. Where
   * the daemon is restarted meanwhile, waits for it, up to a minute, and sees to it that the process is
   * started once.
   */
  async start(options: CallOptions = {}): Promise<number> {
    const start = (rest: CallOptions) => this.call("container.start", { id: this.id }, rest);
    return await this.#startBy(start, options);
  }

  /** Stops the container as {@linkcode stop} does, and runs it again; returns its pid. */
  async restart(options: StopOptions = {}): Promise<number> {
    const { stopSignal, graceMs, ...rest } = options;
    const params = this.#stopParams(stopSignal, graceMs);
    this.#created = undefined;
    return await this.#startBy((call) => this.call("container.restart", params, call), rest);
  }

  async #startBy(
    start: (options: CallOptions) => Promise<{ readonly pid: number }>,
    options: CallOptions,
  ): Promise<number> {
    const before = this.#created === undefined ? undefined : { instance: this.#created };
    this.#created = undefined;
    return await startOnce(this.#link, start, this.id, before, options);
  }

  /**
   * Stops the container: its stop signal, then SIGKILL when the time is over. Resolves when it has
   * ended, at once if it had. The stop goes on if the call is canceled or the daemon is restarted.
   */
  async stop(options: StopOptions = {}): Promise<ExitStatus> {
    const { stopSignal, graceMs, ...rest } = options;
    const params = this.#stopParams(stopSignal, graceMs);
    // Asked twice, it is one stop.
    return await acrossRestarts(
      this.#link,
      rest,
      (_again, call) => this.call("container.stop", params, call),
    );
  }

  #stopParams(signal: number | string | undefined, graceMs: number | undefined) {
    return { id: this.id, signal, timeout: graceMs === undefined ? undefined : graceMs / 1000 };
  }

  /**
   * Gives the stopped container another id, and returns a handle by that; this one is of no container
   * any more. Where the daemon is restarted meanwhile, waits for it, up to a minute.
   */
  async rename(newId: string, options: CallOptions = {}): Promise<Container> {
    await renameOnce(this.#link, { id: this.id, newId }, options);
    const renamed = new Container(this.#link, newId, { deleteOnDispose: this.#deleteOnDispose });
    this.#deleted = true;
    return renamed;
  }

  /** Returns the state of the container. */
  async state(options?: CallOptions): Promise<ContainerState> {
    return await this.call("container.state", { id: this.id }, options);
  }

  /** Runs another process in the running container. */
  async exec<const P extends ExecParams>(
    params: P,
    options?: CallOptions,
  ): Promise<ExecProcess & PipedStreams<P>> {
    const { id } = this;
    const stdio = await PipedStdio.open(params);
    try {
      const call = { ...params, ...stdio.params, id };
      const exec = await this.call("container.exec", call, options);
      stdio.closeHeld();
      return stdio.typed<P, ExecProcess>(new ExecProcess(this.#link, id, exec, stdio));
    } catch (error) {
      await stdio.close();
      throw error;
    }
  }

  /** Freezes every process of the container. */
  async pause(options?: CallOptions): Promise<void> {
    await this.call("container.pause", { id: this.id }, options);
  }

  /** Thaws the paused container. */
  async resume(options?: CallOptions): Promise<void> {
    await this.call("container.resume", { id: this.id }, options);
  }

  /** Returns every process in the container's cgroup. */
  async pids(
    options?: CallOptions,
  ): Promise<DaemonMethods["container.pids"]["result"]["processes"]> {
    return (await this.call("container.pids", { id: this.id }, options)).processes;
  }

  /** Returns the container's cgroup statistics. */
  async stats(options?: CallOptions): Promise<Stats> {
    return await this.call("container.stats", { id: this.id }, options);
  }

  /** Changes resource limits: the OCI spec's `linux.resources`. */
  async update(resources: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<void> {
    await this.call("container.update", { id: this.id, resources }, options);
  }

  /** Writes the container's state to the directory `path` through CRIU. */
  async checkpoint(path: string, options: CheckpointOptions = {}): Promise<void> {
    const { exit, ...rest } = options;
    await this.call("container.checkpoint", { id: this.id, path, exit }, rest);
  }

  /**
   * Removes the stopped or created container, with `force` also a running one. If the daemon is
   * restarted meanwhile, waits for it, up to a minute. Leaves another container alone that was given
   * this id in the meantime.
   */
  async delete(options: DeleteOptions = {}): Promise<Removal> {
    const { force, instance, ...rest } = options;
    const result = await deleteOnce(this.#link, { id: this.id, force, instance }, rest);
    this.#deleted = true;
    return result;
  }

  /** Closes the streams; deletes the container where `deleteOnDispose` was asked for. */
  override async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#deleteOnDispose && !this.#deleted) await this.delete({ force: true });
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    } finally {
      await super[Symbol.asyncDispose]();
    }
  }
}
