// SPDX-License-Identifier: MIT
import type { ProcessExit } from "../../oci/process_exit.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParsedParamsOf } from "../../rpc/contract/method.ts";
import type { Event, Removal, RestartPolicy } from "../../rpc/contract/schemas.ts";
import type { ManagedContainer } from "../container/managed_container.ts";
import type { ServiceState } from "../container/context.ts";
import type { EventPublisher } from "../events/publisher.ts";
import { KeyedMutex } from "../util/locks.ts";
import { type RenameParams, withResting } from "./with_resting.ts";
import { AutoRemover } from "./auto_remover.ts";
import type { ServiceContext } from "./context.ts";
import { removeForGood, type RemoveParams } from "./remove_for_good.ts";
import { ManualRestarts } from "./restart/manual_restarts.ts";
import { type RestartContext, RestartManager } from "./restart/restart_manager.ts";
import type { RunAgainOptions } from "./restart/run_again.ts";
import { setPolicy } from "./restart/set_policy.ts";
import { startContainer } from "./start.ts";
import { StopManager } from "./stop/stop_manager.ts";
import { checkSignal, type ContainerStopOptions } from "./stop/stop.ts";
import { updateResources } from "./update_resources.ts";

/** The daemon's parts that services work with. */
export interface ServicesOptions
  extends Omit<ServiceContext, "locks" | "onAttemptEnd">, Pick<RunAgainOptions, "remake"> {
  readonly events: EventPublisher;
}

/**
 * Serves containers as services, which are stopped, started again and kept running. Each call that
 * changes whether a container is to run has the lock of its id, so that a stop, a delete and a restart
 * never cross.
 */
export class Services implements Disposable {
  readonly #context: RestartContext;
  readonly #stops: StopManager;
  readonly #manualRestarts: ManualRestarts;
  readonly #autoRemover: AutoRemover;

  constructor({ events, remake, ...options }: ServicesOptions) {
    const { stopping } = options;
    const context: ServiceContext = {
      ...options,
      locks: new KeyedMutex(),
      onAttemptEnd: (id) => this.#removeIfDue(id),
    };
    const restarts = new RestartManager({ ...context, remake });
    this.#context = { ...context, restarts };
    this.#stops = new StopManager({ ...context, cancelRestart: (id) => restarts.cancel(id) });
    this.#manualRestarts = new ManualRestarts({
      ...context,
      stop: (id, how) => this.#stops.stop(id, how, stopping),
      start: (id, restart) => startContainer(id, this.#context, restart),
    });
    this.#autoRemover = new AutoRemover({
      runsAgain: (id) => this.#runsAgain(id),
      remove: (id, instance) => this.delete({ id, instance }),
      stopping,
    });
    events.addListener((event) => this.#handle(event));
  }

  #runsAgain(id: string): boolean {
    return this.#manualRestarts.isUnderWay(id) ||
      this.#context.definitions.service(id)?.next !== undefined;
  }

  #handle(event: Event): void {
    if (event.type !== "exit" || event.execId !== undefined) return;
    const { containers, restarts } = this.#context;
    restarts.handleExit(event);
    const container = containers.find(event.id);
    if (container?.bundle.record.instance === event.instance) {
      this.#autoRemover.removeIfDue(container);
    }
  }

  /** Removes a container with `autoRemove` that a run or a failed start has left stopped. */
  #removeIfDue(id: string): void {
    const container = this.#context.containers.find(id);
    if (container?.processes.status === "stopped") this.#autoRemover.removeIfDue(container);
  }

  /** Restarts or removes a container that the daemon has found at its start, where that is due. */
  settle(id: string): void {
    const { checkUsable, containers, restarts } = this.#context;
    const container = containers.find(id);
    if (container === undefined) return;
    checkUsable(id);
    restarts.settle(container);
    this.#manualRestarts.finish(container);
    this.#removeIfDue(id);
  }

  /** Returns the part of a container's state that outlives its instances. */
  describe(id: string): ServiceState {
    const { containers, definitions } = this.#context;
    const service = definitions.service(id);
    const container = containers.find(id);
    // A start is published a moment before it is recorded: then there is no next one, and no error.
    const isRestarted = container?.status === "running" &&
      container.bundle.record.instance === service?.next?.instance;
    const restartingAt = (isRestarted ? undefined : service?.next?.at) ??
      (this.#manualRestarts.isUnderWay(id) ? new Date().toISOString() : undefined);
    const hasPolicy = service !== undefined && service.policy.policy !== "no";
    // As in docker the count stays when the policy goes.
    const isCounted = service !== undefined && (hasPolicy || service.progress.count > 0);
    return {
      ...(hasPolicy ? { restart: service.policy } : {}),
      ...(isCounted ? { restartCount: service.progress.count } : {}),
      restartingAt,
      error: isRestarted ? undefined : service?.error,
    };
  }

  /** Starts a container, or runs it again; see {@linkcode startContainer}. */
  async start(id: string): Promise<{ pid: number }> {
    return await startContainer(id, this.#context);
  }

  /** Stops a container and runs it again; see {@linkcode ManualRestarts.restart}. */
  async restart(id: string, how: ContainerStopOptions): Promise<{ pid: number }> {
    return await this.#manualRestarts.restart(id, how);
  }

  /**
   * Stops a container and returns how it ended; see {@linkcode StopManager.stop}. A restart by hand that
   * is under way, or that an earlier daemon has begun, does not start it again.
   *
   * @throws {InvalidParamsError} if the signal is none; then nothing is changed.
   */
  async stop(
    id: string,
    how: ContainerStopOptions,
    gone: AbortSignal,
  ): Promise<ProcessExit> {
    checkSignal(how);
    this.#manualRestarts.takeBack(this.#context.containers.get(id));
    return await this.#stops.stop(id, how, gone);
  }

  /** Signals a process; see {@linkcode StopManager.kill}. */
  async kill(
    params: ParsedParamsOf<DaemonContract, "container.kill">,
  ): Promise<Record<string, never>> {
    await this.#stops.kill(params);
    return {};
  }

  /** Writes a checkpoint of a container; see {@linkcode StopManager.checkpoint}. */
  async checkpoint(
    params: ParsedParamsOf<DaemonContract, "container.checkpoint">,
  ): Promise<Record<string, never>> {
    return await this.#stops.checkpoint(params);
  }

  /** Removes a container with its definition; see {@linkcode removeForGood}. */
  async delete(params: RemoveParams): Promise<Removal> {
    return await removeForGood(params, this.#context);
  }

  /** Does `work` with a container of which only its definition is left; see {@linkcode withResting}. */
  async withResting(ids: RenameParams, work: (container: ManagedContainer) => void): Promise<void> {
    await withResting(ids, work, { ...this.#context, runsAgain: (id) => this.#runsAgain(id) });
  }

  /** Changes the limits of a container; see {@linkcode updateResources}. */
  async update(id: string, resources: Readonly<Record<string, unknown>>): Promise<void> {
    await updateResources(id, resources, this.#context);
  }

  /** Changes the restart policy of a container; see {@linkcode setPolicy}. */
  async setPolicy(id: string, policy: RestartPolicy): Promise<void> {
    await setPolicy(id, policy, this.#context);
  }

  /** Forgets the restarts that are to come; the next daemon does them. */
  [Symbol.dispose](): void {
    this.#context.restarts[Symbol.dispose]();
  }
}
