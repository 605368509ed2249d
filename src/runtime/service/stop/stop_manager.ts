// SPDX-License-Identifier: MIT
import { tryStat } from "../../../linux/fs/try_stat.ts";
import { SIGKILL } from "../../../linux/process/signals.ts";
import { INVENTORY } from "../../../oci/driver/criu_config.ts";
import type { ProcessExit } from "../../../oci/process_exit.ts";
import type { DaemonContract } from "../../../rpc/contract/daemon.ts";
import type { ParsedParamsOf } from "../../../rpc/contract/method.ts";
import { FailedPreconditionError, NotFoundError } from "../../../rpc/errors.ts";
import { signalNumber } from "../../../rpc/signal_param.ts";
import type { ManagedContainer } from "../../container/managed_container.ts";
import type { ServiceRecord } from "../../definitions/service_record.ts";
import { lockToEnd, startCanceled } from "../cancel_create.ts";
import type { ServiceContext } from "../context.ts";
import { type ContainerStopOptions, stopContainer, stopSignalOf } from "./stop.ts";

/** The service's parts, and a way to cancel a restart. */
export interface StopManagerOptions extends ServiceContext {
  /** Cancels the timer of a pending restart. */
  readonly cancelRestart: (id: string) => void;
}

/**
 * Stops and kills containers, and writes checkpoints, which can be stops. Who stops a container is
 * recorded first, so that its restart policy does not run it again.
 */
export class StopManager {
  readonly #options: StopManagerOptions;
  /** The last stop or kill of each container. */
  readonly #latest = new WeakMap<ManagedContainer, symbol>();

  constructor(options: StopManagerOptions) {
    this.#options = options;
  }

  /**
   * Stops a container for good, or until the machine is up again, and returns how it ended; see
   * {@linkcode stopContainer}. A restart that is to come is taken back; see {@linkcode lockToEnd} for one
   * that hangs. `gone` aborts the wait alone: the stop goes on.
   */
  async stop(id: string, how: ContainerStopOptions, gone: AbortSignal): Promise<ProcessExit> {
    const { containers, definitions, cancelRestart, stopping } = this.#options;
    const { shutdown } = how;
    let container: ManagedContainer;
    let undo: () => void;
    {
      using _lock = await lockToEnd(id, "stopped", this.#options);
      container = containers.get(id);
      cancelRestart(id);
      const stopper = shutdown ? definitions.service(id)?.stopper ?? "shutdown" : "user";
      undo = this.#recordStopper(container, { stopper, next: undefined });
    }
    // Its process is killed at once, for which the OCI runtime need not be waited for.
    if (container.status === "created") container.cancelStart(startCanceled(id, "stopped"));
    try {
      await stopContainer(container, how, stopping);
    } catch (error) {
      undo();
      throw error;
    }
    const exit = await container.wait(undefined, gone);
    if (shutdown) await this.#letShimGo(id);
    return exit;
  }

  /**
   * Records that a container is stopped, and by whom. Returns a function that takes this back when the
   * stop has failed, for a container that lives on with its policy; a later stop, which may yet succeed,
   * is not touched.
   */
  #recordStopper(
    container: ManagedContainer,
    change: Pick<ServiceRecord, "stopper"> & Partial<Pick<ServiceRecord, "next">>,
  ): () => void {
    const { definitions } = this.#options;
    const { id, bundle: { record } } = container;
    const before = definitions.service(id);
    const stop = Symbol();
    this.#latest.set(container, stop);
    definitions.update(id, change);
    return () => {
      const { isAlive } = container.processes;
      if (before === undefined || !isAlive || this.#latest.get(container) !== stop) return;
      const { stopper, next } = before;
      // A run that is alive is not to come any more.
      const isToCome = next !== undefined && next.instance !== record.instance;
      definitions.update(id, { stopper, ...(isToCome ? { next } : {}) });
    };
  }

  async #letShimGo(id: string): Promise<void> {
    const { containers, definitions, locks } = this.#options;
    using _lock = await locks.acquire(id);
    const container = containers.find(id);
    if (container === undefined || container.life.phase === "resting") return;
    if (definitions.keeps(id) && container.status === "stopped") await container.delete(false);
  }

  /**
   * Takes back the restart that a stopped container waits for, once one that is under way is done.
   * Returns whether it waited for one.
   */
  async #takeBackRestart(id: string): Promise<boolean> {
    const { containers, definitions, cancelRestart } = this.#options;
    const isToCome = () => definitions.service(id)?.next !== undefined;
    if (!isToCome()) return false;
    using _lock = await lockToEnd(id, "stopped", this.#options);
    const container = containers.get(id);
    if (container.status !== "stopped" || !isToCome()) return false;
    cancelRestart(id);
    this.#recordStopper(container, { stopper: "user", next: undefined });
    return true;
  }

  /**
   * Signals a process. As in docker, a signal that ends the container counts as a stop, also of one that
   * waits to be restarted.
   */
  async kill(
    { id, signal, execId, all }: ParsedParamsOf<DaemonContract, "container.kill">,
  ): Promise<void> {
    const { containers, definitions } = this.#options;
    const number = signalNumber(signal);
    // Of one without a definition there is no policy to heed, and its spec need not be read.
    const ends = execId === undefined && definitions.has(id) &&
      (number === SIGKILL || number === stopSignalOf(containers.get(id)));
    if (ends && await this.#takeBackRestart(id)) return;
    const container = containers.get(id);
    try {
      await this.#end(container, ends, () => container.kill({ signal: number, execId, all }));
    } catch (error) {
      const hasEnded = execId === undefined && error instanceof NotFoundError;
      throw hasEnded && container.beingRestarted(error) || error;
    }
  }

  /**
   * Writes a checkpoint of a container. With `exit` that is a stop.
   *
   * @throws {FailedPreconditionError} if there is a checkpoint in the directory already.
   */
  async checkpoint(
    { id, ...request }: ParsedParamsOf<DaemonContract, "container.checkpoint">,
  ): Promise<Record<string, never>> {
    const { cgroupMounts, containers } = this.#options;
    const container = containers.get(id);
    const { path } = request;
    // What else is wrong with the path is the OCI runtime's to say.
    if (tryStat(`${path}/${INVENTORY}`) !== undefined) {
      throw new FailedPreconditionError(
        `container ${id}: ${path} has a checkpoint already, which one that fails would ruin`,
        { data: { id } },
      );
    }
    return await this.#end(
      container,
      request.exit ?? false,
      () => cgroupMounts.keep(() => container.call("shim.checkpoint", request)),
    );
  }

  /** Does `work`, which with `ends` is a stop, unless it fails. */
  async #end<T>(container: ManagedContainer, ends: boolean, work: () => Promise<T>): Promise<T> {
    const { id, processes } = container;
    const isStop = ends && this.#options.definitions.has(id) && processes.isAlive;
    const undo = isStop ? this.#recordStopper(container, { stopper: "user" }) : () => {};
    try {
      return await work();
    } catch (error) {
      undo();
      throw error;
    }
  }
}
