// SPDX-License-Identifier: MIT
import { BerthError, FailedPreconditionError, NotFoundError } from "../../rpc/errors.ts";
import { exitOf, type ProcessExit } from "../../oci/process_exit.ts";
import { describeLog } from "../create/log.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type {
  ContainerState,
  ContainerStatus,
  Removal,
  ShimStatus,
} from "../../rpc/contract/schemas.ts";
import type { ShimContract } from "../../rpc/contract/shim.ts";
import type { Stats } from "../../rpc/contract/stats_schema.ts";
import type { Bundle } from "../bundle/bundle.ts";
import type { EventDraft } from "../events/journal.ts";
import type { ContainerContext } from "./context.ts";
import { type ContainerParts, makeParts } from "./parts.ts";
import type { NetworkPlan } from "../network/plan.ts";
import { createContainer } from "./create.ts";
import { deleteContainer } from "./delete.ts";
import { ContainerRecovery } from "./recovery.ts";
import { ContainerDeletion } from "./deletion.ts";
import type { ProcessTable } from "./process_table.ts";
import type { BeginPhase } from "../states/life_states.ts";
import type { ContainerLife } from "./life.ts";
import type { ShimClient, ShimMethod } from "../shims/shim_client.ts";

/** How long a call waits for a shim that is being connected, in milliseconds. */
const CONNECT_PATIENCE = 5_000;

/**
 * One container as the daemon has it: its bundle, the state of its processes, and the way to its shim.
 * Calls that change its life as a whole (create, reconnect, cleanup, delete) take the lock; all others
 * go to the shim, which orders them.
 */
export class ManagedContainer {
  readonly #parts: ContainerParts;
  readonly #deletion: ContainerDeletion;
  readonly #recovery: ContainerRecovery;
  /** Aborted to end the starts that are under way. */
  #starting = new AbortController();
  /** The shim was asked to look at the freezer and has not answered. */
  #refreshing = false;

  /** Makes the container of a bundle that is new or was found, or of a definition in the place of one. */
  constructor(bundle: Bundle, context: ContainerContext, begin: BeginPhase) {
    this.#parts = makeParts(bundle, context, begin);
    this.#deletion = new ContainerDeletion(this.#parts);
    this.#recovery = new ContainerRecovery(this.#parts, this.#deletion);
  }

  get id(): string {
    return this.bundle.id;
  }

  /** The container's directory, with its records. */
  get bundle(): Bundle {
    return this.#parts.bundle;
  }

  /** The container's processes, as the daemon knows them. */
  get processes(): ProcessTable {
    return this.#parts.processes;
  }

  /** The phase of the container's life. */
  get life(): ContainerLife {
    return this.#parts.life;
  }

  /** The state of the daemon's connection to the shim. */
  get shimStatus(): ShimStatus {
    const { context: { config }, life: { shimStatus } } = this.#parts;
    return shimStatus === "connected" && config.runtime.no_shim ? "none" : shimStatus;
  }

  /**
   * Starts a shim for the container and creates it there; see {@linkcode createContainer}.
   *
   * @throws {BerthError} if the shim or the runtime fails.
   */
  async create(network?: NetworkPlan): Promise<void> {
    using _lock = await this.#parts.lock.acquire();
    try {
      await createContainer(this.#parts, this.#deletion, network);
    } catch (error) {
      throw this.#withContainerId(error);
    }
  }

  /**
   * Ends a create that is under way, and the OCI runtime with it. The create then rolls everything back
   * and throws `reason`, unless it is done just then.
   */
  cancelCreate(reason: BerthError): void {
    this.#parts.creation.abort(reason);
  }

  /**
   * Ends a start that is under way, and the OCI runtime with it. The start then throws `reason`; what a
   * runtime has started by then runs.
   */
  cancelStart(reason: BerthError): void {
    this.#starting.abort(reason);
    this.#starting = new AbortController();
  }

  /**
   * Finds the container's shim again after a restart of the daemon; see {@linkcode ContainerRecovery.reconnect}. Never
   * rejects.
   */
  async reconnect(): Promise<void> {
    using _lock = await this.#parts.lock.acquire();
    await this.#recovery.reconnect();
  }

  /**
   * Removes the container; see {@linkcode deleteContainer}.
   *
   * @throws {FailedPreconditionError} if it runs and `force` is not given.
   */
  async delete(force: boolean): Promise<Removal> {
    if (force) this.life.cancelConnect();
    using _lock = await this.#parts.lock.acquire();
    try {
      return await deleteContainer(this.#parts, this.#deletion, this.#recovery, force);
    } catch (error) {
      throw this.#withContainerId(error);
    }
  }

  /**
   * Starts init.
   *
   * @throws {FailedPreconditionError} if it is not just created.
   */
  start(): Promise<ResultOf<ShimContract, "shim.start">> {
    const { cgroup } = this.#parts;
    const { signal } = this.#starting;
    return this.#withShim(async (shim) => {
      // Before its process can run.
      cgroup.flushPending();
      const result = await shim.call("shim.start", {}, { signal });
      // A restore makes init only at start, so that its cgroup is not known before.
      if (!cgroup.known) cgroup.resolve();
      return result;
    });
  }

  /**
   * Signals init, an exec, or every process.
   *
   * @throws {NotFoundError} if the process has exited.
   */
  kill(params: ParamsOf<ShimContract, "shim.kill">): Promise<ResultOf<ShimContract, "shim.kill">> {
    if (this.life.phase === "resting") {
      throw new NotFoundError(`container ${this.id} has exited`, { data: { id: this.id } });
    }
    return this.#withShim((shim) => {
      // Before its process can end.
      this.#parts.cgroup.flushPending();
      return shim.call("shim.kill", params);
    });
  }

  /** Waits up to {@linkcode CONNECT_PATIENCE} for a shim that is being connected. */
  async settled(): Promise<void> {
    await this.life.settled(CONNECT_PATIENCE);
  }

  /** Calls a method of the shim. Its errors name the container. */
  async call<N extends ShimMethod>(
    name: N,
    params: ParamsOf<ShimContract, N>,
  ): Promise<ResultOf<ShimContract, N>> {
    try {
      return await this.#withShim((shim) => shim.call(name, params));
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** Runs `work` with the shim; waits up to {@linkcode CONNECT_PATIENCE} for one that is being connected. */
  async #withShim<T>(work: (shim: ShimClient) => Promise<T>): Promise<T> {
    const { life } = this.#parts;
    await this.settled();
    const { client } = life;
    try {
      if (client === undefined) throw life.unreachable();
      return await work(client);
    } catch (error) {
      throw this.#withContainerId(this.#recovery.translateShimError(client, error));
    }
  }

  /** Returns `error`, or one that explains it where a stopped container waits for its next run. */
  #explained(error: unknown): unknown {
    if (!(error instanceof FailedPreconditionError) || this.status !== "stopped") return error;
    return this.beingRestarted(error) ?? error;
  }

  /** Returns the error of a call that cannot be done during a restart; undefined if there is none. */
  beingRestarted(cause: BerthError): FailedPreconditionError | undefined {
    if (this.#parts.context.owner.service(this.id).restartingAt === undefined) return undefined;
    return new FailedPreconditionError(
      `container ${this.id} is being restarted: wait until it runs, or stop it first`,
      { cause, data: { ...cause.data, id: this.id } },
    );
  }

  /**
   * Waits for the exit of init, or of an exec.
   *
   * @throws {NotFoundError} if there is no such exec.
   * @throws {UnavailableError} if that is not known, since its shim has not been reached.
   */
  async wait(execId: string | undefined, signal: AbortSignal): Promise<ProcessExit> {
    const { life, processes } = this.#parts;
    if (execId !== undefined && !processes.hasExec(execId)) {
      // Only the shim can tell of an exec that was started under an earlier daemon.
      await this.settled();
      const isUnknown = life.phase === "connecting" || life.phase === "unresponsive";
      if (isUnknown && !processes.hasExec(execId)) throw life.unreachable();
    }
    return await processes.wait(this.id, execId, signal);
  }

  /**
   * Returns the cgroup statistics.
   *
   * @throws {FailedPreconditionError} if the container has no cgroup (any more).
   */
  stats(): Stats {
    try {
      return this.#parts.cgroup.stats();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** Returns every process in the cgroup, with the exec that it is where that is known. */
  pids(): { pid: number; execId?: string }[] {
    return this.#parts.cgroup.pids();
  }

  /** Returns the state of the container, as the daemon knows it. */
  state(): ContainerState {
    const { record, paths } = this.bundle;
    const { exit, pid, startedAt } = this.processes;
    return {
      id: record.id,
      instance: record.instance,
      status: this.status,
      pid,
      bundle: paths.dir,
      runtime: record.runtime,
      ...record.stdio,
      log: record.log && describeLog(record.log),
      labels: { ...record.labels },
      createdAt: record.createdAt,
      startedAt,
      ...(exit && exitOf(exit)),
      stopSignal: record.stopSignal,
      stopTimeout: record.stopTimeout,
      ...(record.restartCount === undefined ? {} : { restartCount: record.restartCount }),
      ...this.#parts.context.owner.service(record.id),
      lastExit: record.lastExit,
      ...(record.autoRemove ? { autoRemove: true } : {}),
      ...(this.#parts.events.oomKills > 0 ? { oomKilled: true } : {}),
      group: record.group,
      network: this.#parts.context.networks.state(record.instance),
      shimPid: this.life.shimPid,
      shim: this.shimStatus,
      processes: this.processes.execs(),
    };
  }

  /** The status; a pause or resume by another program counts. */
  get status(): ContainerStatus {
    const { isAlive, status } = this.processes;
    if (!isAlive) return status;
    const { frozen } = this.#parts.cgroup;
    if (frozen === undefined) return status;
    const now = frozen ? "paused" : "running";
    if (now !== status) this.#refreshFreezerState();
    return now;
  }

  /** Makes the shim notice the pause or resume, which publishes it. */
  #refreshFreezerState(): void {
    if (this.#refreshing) return;
    this.#refreshing = true;
    // After a failure the next look notices it.
    this.life.client?.call("shim.state", {}).catch(() => {}).finally(() =>
      this.#refreshing = false
    );
  }

  /** Publishes an event of this instance that no shim can tell of. */
  publish(draft: Pick<EventDraft, "type" | "timestamp" | "restart" | "error">): void {
    const { id, instance } = this.bundle.record;
    this.#parts.events.publish({ ...draft, id, instance, pid: this.processes.pid });
  }

  /** Disconnects from the shim, which keeps running. */
  [Symbol.dispose](): void {
    this.life.close();
  }

  #withContainerId(error: unknown): unknown {
    if (error instanceof BerthError) error.data.id ??= this.id;
    return error;
  }
}
