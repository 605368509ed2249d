// SPDX-License-Identifier: MIT
import type { CallOptions } from "../rpc/peer/call_options.ts";
import type { ContainerState, DaemonMethods, DeleteResult, Stats } from "./daemon_types.ts";
import type { DaemonLink } from "./link.ts";
import { ContainerProcess, ExecProcess } from "./process.ts";
import { PipedStdio } from "./stdio.ts";

/**
 * What {@linkcode Container.exec} takes: the params of `container.exec` without the id. Where stdin,
 * stdout or stderr is `"piped"`, the handle has a stream for it.
 */
export type ExecParams = Omit<DaemonMethods["container.exec"]["params"], "id">;

/** Options of {@linkcode Container.delete}. */
export interface DeleteOptions extends CallOptions {
  /** Also when it runs: kills it first. */
  readonly force?: boolean;
  /** Only where it is still this instance, as its state has told it: else `NotFoundError`. */
  readonly instance?: string;
}

/** Options of {@linkcode Container.checkpoint}. */
export interface CheckpointOptions extends CallOptions {
  /** Stop the container afterwards. */
  readonly exit?: boolean;
}

/**
 * A container, by its id. The handle holds nothing but the streams of piped stdio: the container
 * goes on when it is gone, and any number of handles may be of one container.
 */
export class Container extends ContainerProcess {
  readonly #link: DaemonLink;

  /** @internal Made by `Client.create` and `Client.container`. */
  constructor(link: DaemonLink, id: string, stdio?: PipedStdio) {
    super(link, id, undefined, stdio);
    this.#link = link;
  }

  /** Starts the process of the created container; answers its pid. */
  async start(options?: CallOptions): Promise<number> {
    return (await this.call("container.start", { id: this.id }, options)).pid;
  }

  /** Everything about the container. */
  async state(options?: CallOptions): Promise<ContainerState> {
    return await this.call("container.state", { id: this.id }, options);
  }

  /** Runs another process in the running container. */
  async exec(params: ExecParams, options?: CallOptions): Promise<ExecProcess> {
    const { id } = this;
    const stdio = await PipedStdio.open(params);
    try {
      const call = { ...params, ...stdio.params, id };
      const exec = await this.call("container.exec", call, options);
      stdio.attached();
      return new ExecProcess(this.#link, id, exec, stdio);
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

  /** Every process in the container's cgroup. */
  async pids(
    options?: CallOptions,
  ): Promise<DaemonMethods["container.pids"]["result"]["processes"]> {
    return (await this.call("container.pids", { id: this.id }, options)).processes;
  }

  /** The container's cgroup figures. */
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

  /** Removes the stopped or created container, with `force` also a running one. */
  async delete(options: DeleteOptions = {}): Promise<DeleteResult> {
    const { force, instance, ...rest } = options;
    return await this.call("container.delete", { id: this.id, force, instance }, rest);
  }
}
