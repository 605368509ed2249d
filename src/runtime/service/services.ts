// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { failpoint } from "../../failpoint.ts";
import { readJson } from "../../oci/bundle_layout.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParsedParamsOf } from "../../rpc/contract/method.ts";
import type { RestartPolicy } from "../../rpc/contract/schemas.ts";
import type { DeleteResult, Event, ExitStatus } from "../../rpc/contract/schemas.ts";
import { messageOf } from "../../rpc/error_text.ts";
import { signalNumber } from "../../rpc/signal_param.ts";
import type { Container } from "../container/container.ts";
import type { ServiceState } from "../container/context.ts";
import type { EventPublisher } from "../events/publisher.ts";
import { KeyedMutex } from "../util/keyed_mutex.ts";
import { AutoRemover } from "./auto_remover.ts";
import { NO_PROGRESS } from "../definitions/service_record.ts";
import type { ServiceRecord } from "../definitions/service_record.ts";
import { RestartManager } from "./restart/restart_manager.ts";
import type { RestartManagerOptions } from "./restart/restart_manager.ts";
import { readRestart, recordRestart, removeRestart } from "./restart/restart_record.ts";
import { StopManager } from "./stop/stop_manager.ts";
import { updateResources } from "./update_resources.ts";
import type { ContainerStopOptions } from "./stop/stop.ts";

/** A restart by hand that is under way. */
interface Restart {
  /** Whether somebody has stopped the container since. */
  stopped: boolean;
}

/** The ids of a container that is to be left alone, and whose instance it is. */
export interface RenameIds {
  readonly id: string;
  readonly newId: string;
  readonly instance?: string | undefined;
}

/** What {@linkcode Services} needs. */
export interface ServicesOptions extends Omit<RestartManagerOptions, "locks" | "ended"> {
  readonly events: EventPublisher;
  /** Throws {@linkcode FailedPreconditionError} if nothing may be done with the container of the id. */
  readonly checkUsable: (id: string) => void;
}

/**
 * What is done with a container as a service, one that is stopped, started again and kept running: what
 * changes whether it is to run has the lock of its id, so that a stop, a delete and a restart never
 * cross.
 */
export class Services implements Disposable {
  readonly #options: ServicesOptions;
  readonly #locks = new KeyedMutex();
  readonly #restarts: RestartManager;
  readonly #stops: StopManager;
  readonly #autoRemover: AutoRemover;
  /** The restarts of each id that were asked for and are not done. */
  readonly #restarting = new Map<string, Set<Restart>>();
  /** Restarts that an earlier daemon has begun; a client that asks again waits for the same one. */
  readonly #finishing = new Map<string, Promise<{ pid: number }>>();

  constructor(options: ServicesOptions) {
    this.#options = options;
    this.#restarts = new RestartManager({
      ...options,
      locks: this.#locks,
      ended: (id) => this.#ended(id),
    });
    this.#stops = new StopManager({
      ...options,
      locks: this.#locks,
      cancelRestart: (id) => this.#restarts.cancel(id),
    });
    this.#autoRemover = new AutoRemover({
      runsAgain: (id) => this.#restarting.has(id) || this.#service(id)?.next !== undefined,
      remove: (id, instance) => this.delete(id, false, instance),
      stopping: options.stopping,
    });
    options.events.addListener((event) => this.#heard(event));
  }

  #service(id: string): ServiceRecord | undefined {
    return this.#options.definitions.service(id);
  }

  #heard(event: Event): void {
    if (event.type !== "exit" || event.execId !== undefined) return;
    this.#restarts.exited(event);
    const container = this.#options.containers.find(event.id);
    if (container?.bundle.record.instance === event.instance) this.#autoRemover.exited(container);
  }

  /** Has a container removed that a run, or a start that has failed, has left stopped. */
  #ended(id: string): void {
    const container = this.#options.containers.find(id);
    if (container?.status === "stopped") this.#autoRemover.exited(container);
  }

  /** Decides what is to be done about a container that the daemon has found at its start. */
  settle(id: string): void {
    const container = this.#options.containers.find(id);
    if (container === undefined) return;
    this.#options.checkUsable(id);
    this.#restarts.settle(container);
    this.#finishRestart(container);
    this.#ended(id);
  }

  /** Does again the restart, in the background, in whose middle an earlier daemon has died. */
  #finishRestart({ id, bundle: { paths } }: Container): void {
    const how = readRestart(paths.dir);
    if (how === undefined) return;
    const restart = this.#restart(id, how);
    this.#finishing.set(id, restart);
    restart.catch((error) => {
      if (this.#options.stopping.aborted) return;
      getLogger(["berth", "container"]).error("{id}: cannot finish its restart: {reason}", {
        id,
        reason: messageOf(error),
        error,
      });
    }).finally(() => this.#finishing.delete(id));
  }

  /** Returns the part of a container's state that outlives its instances. */
  describe(id: string): ServiceState {
    const service = this.#service(id);
    const restartingAt = service?.next?.at ??
      (this.#restarting.has(id) ? new Date().toISOString() : undefined);
    const hasPolicy = service !== undefined && service.policy.policy !== "no";
    return {
      ...(hasPolicy ? { restart: service.policy, restartCount: service.progress.count } : {}),
      ...(restartingAt === undefined ? {} : { restartingAt }),
    };
  }

  /**
   * Starts a container that is created, or runs one again that is stopped. One that runs is left alone.
   *
   * @throws {FailedPreconditionError} if it is paused.
   */
  async start(id: string): Promise<{ pid: number }> {
    return await this.#start(id);
  }

  /** Starts a container, for a restart only if nobody has stopped the container meanwhile. */
  async #start(id: string, restart?: Restart): Promise<{ pid: number }> {
    const { containers, definitions } = this.#options;
    let container: Container;
    {
      using _lock = await this.#locks.acquire(id);
      container = containers.get(id);
      this.#options.checkUsable(id);
      if (restart?.stopped) {
        throw new FailedPreconditionError(
          `container ${id} was stopped while it was being restarted`,
          { data: { id } },
        );
      }
      const { status, processes: { pid } } = container;
      if (status === "stopped") return await this.#runAgain(container);
      if (status === "running") return { pid };
      if (status === "created") {
        this.#restarts.cancel(id);
        definitions.update(id, STARTED);
      }
    }
    try {
      return await container.start();
    } catch (error) {
      const { status, processes: { pid, startedAt } } = container;
      const wasStarted = error instanceof FailedPreconditionError && startedAt !== undefined;
      // By another call, meanwhile.
      if (wasStarted && status !== "paused") return { pid };
      throw error;
    }
  }

  async #runAgain(container: Container): Promise<{ pid: number }> {
    const { id, bundle: { record } } = container;
    const next = { instance: crypto.randomUUID(), at: new Date().toISOString() };
    this.#restarts.cancel(id);
    this.#define(container, { ...STARTED, decided: record.instance, next });
    try {
      const { processes: { pid } } = await this.#restarts.run(id, next.instance);
      return { pid };
    } catch (error) {
      // As in docker the policy does not try what has failed for a user.
      if (!this.#options.stopping.aborted) {
        this.#options.definitions.update(id, { next: undefined });
      }
      throw error;
    } finally {
      // Its exit, or none at all, may have come while it was said to run again.
      this.#ended(id);
    }
  }

  /** Defines a container, as it is, where it is not defined yet; `change` holds in any case. */
  #define(container: Container, change: Partial<ServiceRecord>): void {
    const { definitions } = this.#options;
    const { id, bundle: { record, paths }, processes: { exit, pid } } = container;
    if (definitions.has(id)) return definitions.update(id, change);
    const spec = readJson<Record<string, unknown>>(paths.config);
    if (spec === undefined) throw new Error(`${paths.config} is gone`);
    const service = { policy: NO_POLICY, started: true, progress: NO_PROGRESS, ...change };
    definitions.write({ spec, record, service });
    // The bundle, which has it too, goes before the next run is there.
    if (exit !== undefined) definitions.setExit(record, exit, pid);
  }

  /**
   * Stops a container, if it is running, and runs it again, be the caller gone meanwhile. A start or
   * restart that is under way comes to its end first.
   */
  async restart(id: string, how: ContainerStopOptions): Promise<{ pid: number }> {
    checkSignal(how);
    return await (this.#finishing.get(id) ?? this.#restart(id, how));
  }

  async #restart(id: string, how: ContainerStopOptions): Promise<{ pid: number }> {
    const { containers, stopping } = this.#options;
    containers.get(id);
    let dir: string | undefined;
    const restart: Restart = { stopped: false };
    const restarts = this.#restarting.get(id) ?? new Set();
    this.#restarting.set(id, restarts.add(restart));
    try {
      dir = await this.#recordRestart(id, how);
      if (dir !== undefined) {
        await this.#stops.stop(id, how, stopping);
        failpoint("restart.stopped");
      }
      return await this.#start(id, restart);
    } catch (error) {
      // The next daemon finishes what this one leaves undone as it stops.
      if (dir !== undefined && !stopping.aborted) removeRestart(dir);
      throw error;
    } finally {
      restarts.delete(restart);
      if (restarts.size === 0) this.#restarting.delete(id);
      this.#ended(id);
    }
  }

  /**
   * Records the restart of a container that runs, once what is under way with it is done, and returns
   * the directory of its bundle; undefined if it does not run.
   */
  async #recordRestart(id: string, how: ContainerStopOptions): Promise<string | undefined> {
    using _lock = await this.#locks.acquire(id);
    const { status, bundle: { paths: { dir } } } = this.#options.containers.get(id);
    if (status !== "running" && status !== "paused") return undefined;
    recordRestart(dir, how);
    return dir;
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
  ): Promise<ExitStatus> {
    checkSignal(how);
    removeRestart(this.#options.containers.get(id).bundle.paths.dir);
    for (const restart of this.#restarting.get(id) ?? []) restart.stopped = true;
    return await this.#stops.stop(id, how, gone);
  }

  /** Signals a process; see {@linkcode StopManager.kill}. */
  async kill(
    params: ParsedParamsOf<DaemonContract, "container.kill">,
  ): Promise<Record<string, never>> {
    await this.#stops.kill(params);
    return {};
  }

  /**
   * Removes a container with its definition, so that it never comes back.
   *
   * @throws {FailedPreconditionError} if it runs and `force` is not given.
   */
  async delete(id: string, force: boolean, instance?: string): Promise<DeleteResult> {
    const { containers, definitions } = this.#options;
    const asked = containers.get(id, instance);
    if (force) asked.life.cancelConnect();
    using _lock = await this.#locks.acquire(id);
    // It may have gone meanwhile, which it then tells itself, unless it only has another id now.
    const isGone = containers.find(id) === undefined &&
      !containers.hasInstance(asked.bundle.record.instance);
    const container = isGone ? asked : containers.get(id, instance);
    this.#options.checkUsable(id);
    const alive = container.status === "running" || container.status === "paused";
    if (!definitions.has(id) || (alive && !force)) return await container.delete(force);
    this.#restarts.cancel(id);
    definitions.withdraw(id);
    try {
      return await container.delete(force);
    } catch (error) {
      if (container.life.isEnding) throw error;
      // Nothing was removed, so that it goes on as before; what was killed was so by its user.
      definitions.restore(id);
      if (alive) definitions.update(id, { stopper: "user" });
      this.#restarts.goOn(container);
      throw error;
    }
  }

  /**
   * Leaves nothing of a stopped container but its definition, and does `work` with it. Nothing else is
   * done with either of two ids meanwhile.
   *
   * @throws {FailedPreconditionError} if it is not stopped, or about to run again or to be removed.
   */
  async atRest(
    { id, newId, instance }: RenameIds,
    work: (container: Container) => void,
  ): Promise<void> {
    const { containers, definitions } = this.#options;
    const [first, second] = id < newId ? [id, newId] : [newId, id];
    using _first = await this.#locks.acquire(first);
    using _second = await this.#locks.acquire(second);
    // Before that its status is not known for sure.
    await containers.get(id, instance).settled();
    const container = containers.get(id, instance);
    this.#checkAtRest(container);
    // It is being removed, and not to be kept.
    if (container.life.isEnding && !definitions.has(id)) throw container.life.unreachable();
    if (container.life.phase !== "resting") {
      if (!definitions.has(id)) {
        this.#define(container, { decided: container.bundle.record.instance });
      }
      try {
        await container.delete(false);
      } catch (error) {
        if (!container.life.isEnding) this.#restarts.tidy(container);
        throw error;
      }
    }
    const rested = containers.get(id);
    // A daemon that has just started may have decided meanwhile that it runs again.
    this.#checkAtRest(rested);
    work(rested);
  }

  /** @throws {FailedPreconditionError} if something keeps the container from being left alone. */
  #checkAtRest(container: Container): void {
    const { id } = container;
    const why = this.#notAtRest(container);
    if (why !== undefined) {
      throw new FailedPreconditionError(`container ${id} ${why}`, { data: { id } });
    }
  }

  /** Returns what keeps a container from being left alone; undefined if nothing does. */
  #notAtRest({ id, status, bundle: { record } }: Container): string | undefined {
    const { definitions } = this.#options;
    if (status === "created") return "is created: it can be renamed once it has run";
    if (status !== "stopped") return `is ${status}: stop it first`;
    // It would go with its bundle.
    if (definitions.has(id) && !definitions.keeps(id)) {
      return "was never started: it can be renamed once it has run";
    }
    if (record.autoRemove) return "is removed when it has exited";
    const service = this.#service(id);
    const runsAgain = this.#restarting.has(id) || service?.next !== undefined;
    if (runsAgain) return "is being restarted: stop it first";
    return service === undefined || service.decided === record.instance
      ? undefined
      : "has exited, and its restart policy has not been applied yet: try again in a moment";
  }

  /** Changes the limits of a container; see {@linkcode updateResources}. */
  async update(id: string, resources: Readonly<Record<string, unknown>>): Promise<void> {
    this.#options.checkUsable(id);
    await updateResources(id, resources, { ...this.#options, locks: this.#locks });
  }

  /** Changes the restart policy of a container. One that is stopped stays so. */
  async setPolicy(id: string, policy: RestartPolicy): Promise<void> {
    using _lock = await this.#locks.acquire(id);
    const container = this.#options.containers.get(id);
    this.#options.checkUsable(id);
    const { record } = container.bundle;
    if (record.autoRemove && policy.policy !== "no") {
      throw new FailedPreconditionError(
        `container ${id} is removed when it has exited: it cannot have a restart policy`,
        { data: { id } },
      );
    }
    const { status, processes } = container;
    this.#define(container, {
      policy,
      ...(this.#options.definitions.has(id) ? {} : {
        started: processes.startedAt !== undefined,
        ...(status === "stopped" ? { decided: record.instance } : {}),
      }),
    });
    if (policy.policy === "no") {
      this.#restarts.cancel(id);
      this.#options.definitions.update(id, { next: undefined });
      this.#restarts.tidy(container);
    }
  }

  [Symbol.dispose](): void {
    this.#restarts[Symbol.dispose]();
  }
}

/** Refuses what is no signal before anything is changed. */
function checkSignal({ signal }: ContainerStopOptions): void {
  if (signal !== undefined) signalNumber(signal);
}

const NO_POLICY: RestartPolicy = { policy: "no" };

/** What a start by hand changes. */
const STARTED: Partial<ServiceRecord> = {
  started: true,
  stopper: undefined,
  progress: NO_PROGRESS,
  next: undefined,
};
