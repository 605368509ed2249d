// SPDX-License-Identifier: MIT
import { failpoint } from "../../../failpoint.ts";
import type { Event } from "../../../rpc/contract/schemas.ts";
import { exitOf, type ProcessExit, unseenExit } from "../../../oci/process_exit.ts";
import { messageOf } from "../../../error_text.ts";
import type { ManagedContainer } from "../../container/managed_container.ts";
import { NO_PROGRESS, type RestartProgress } from "../../definitions/service_record.ts";
import { Semaphore } from "../../util/locks.ts";
import { isCreateCanceled } from "../cancel_create.ts";
import type { ServiceContext } from "../context.ts";
import { logFailure } from "../../util/log_failure.ts";
import { comesBack, delayLeft, type EndedRun, nextRestart } from "./restart_policy.ts";
import { runAgain, type RunAgainOptions } from "./run_again.ts";

/** How many containers are started again at a time. */
const MOST_AT_ONCE = 8;

/** The service's parts, and how a container is made again. */
export type RestartManagerOptions = ServiceContext & RunAgainOptions;

/** The parts that work with the restarts of containers, too. */
export interface RestartContext extends ServiceContext {
  readonly restarts: RestartManager;
}

/**
 * Starts containers again as their restart policies say. Each decision is recorded before anything is
 * done about it, so that it is made once for each exit, and the next daemon goes on with it.
 */
export class RestartManager implements Disposable {
  readonly #options: RestartManagerOptions;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #permits = new Semaphore(MOST_AT_ONCE);

  constructor(options: RestartManagerOptions) {
    this.#options = options;
  }

  /** Decides whether a container is restarted whose init has exited. */
  handleExit(event: Event): void {
    const container = this.#options.containers.find(event.id);
    if (container?.bundle.record.instance !== event.instance) return;
    this.#decide(container, exitOf(event) ?? unseenExit());
  }

  #decide(container: ManagedContainer, exit: ProcessExit): void {
    const { definitions } = this.#options;
    const { instance } = container.bundle.record;
    const service = definitions.service(container.id);
    if (service === undefined || service.decided === instance) return;
    if (service.next?.instance === instance) {
      // Its start is under way, which decides at its end.
      if (container.processes.startedAt !== undefined) return;
      // It will not be started any more, and an instance is made once.
      const next = { ...service.next, instance: crypto.randomUUID() };
      return definitions.update(container.id, { unstarted: instance, next });
    }
    failpoint("restart.decide");
    const { exit: known, pid, startedAt } = container.processes;
    // Known after a reboot, too.
    definitions.setExit(container.bundle.record, known ?? exit, pid);
    const ranFor = Date.parse(exit.exitedAt) - Date.parse(startedAt ?? "");
    this.#next(container, {
      exitStatus: exit.exitStatus,
      ranFor: Number.isNaN(ranFor) ? 0 : ranFor,
      stopper: service.stopper,
    });
  }

  /** Applies the policy to a run, or to a start that has failed. */
  #next(container: ManagedContainer, run: EndedRun): void {
    const { definitions } = this.#options;
    const { id, bundle: { record: { instance } } } = container;
    const service = definitions.service(id);
    if (service === undefined) return;
    // As in docker a policy is for containers that have been started.
    const progress = service.started
      ? nextRestart(service.policy, service.progress, run)
      : undefined;
    if (progress === undefined) {
      definitions.update(id, { decided: instance, next: undefined });
      return;
    }
    this.#plan(container, progress);
  }

  #plan(container: ManagedContainer, progress: RestartProgress): void {
    const { definitions } = this.#options;
    const { id, bundle: { record } } = container;
    const now = new Date();
    const at = new Date(now.getTime() + progress.delay).toISOString();
    definitions.update(id, {
      progress,
      stopper: undefined,
      decided: record.instance,
      next: { instance: crypto.randomUUID(), at },
    });
    failpoint("restart.decided");
    const restart = { count: progress.count, at };
    container.publish({ type: "restarting", timestamp: now.toISOString(), restart });
    this.#schedule(id, progress.delay);
  }

  /** Schedules the run that is recorded. */
  #scheduleNext(id: string): void {
    const { definitions } = this.#options;
    const service = definitions.service(id);
    if (service?.next === undefined) return;
    const now = Date.now();
    const delay = delayLeft(Date.parse(service.next.at), now, service.progress);
    const at = new Date(now + delay).toISOString();
    // Clients see when it really is due.
    if (at < service.next.at) definitions.update(id, { next: { ...service.next, at } });
    this.#schedule(id, delay);
  }

  #schedule(id: string, delay: number): void {
    this.cancel(id);
    if (this.#options.stopping.aborted) return;
    const timer = setTimeout(() => {
      this.#timers.delete(id);
      void this.#attempt(id);
    }, delay);
    this.#timers.set(id, timer);
  }

  /** Cancels the timer of a pending restart. The caller changes the record. */
  cancel(id: string): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  /** Starts the container as planned, unless that was taken back meanwhile. */
  async #attempt(id: string): Promise<void> {
    const { containers, definitions, locks, stopping } = this.#options;
    using _permit = await this.#permits.acquire();
    using _lock = await locks.acquire(id);
    const next = definitions.service(id)?.next;
    if (stopping.aborted || next === undefined || this.#timers.has(id)) return;
    try {
      await this.run(id, next.instance);
    } catch (error) {
      // The next daemon goes on with it, or the caller that has canceled it decides.
      if (stopping.aborted || isCreateCanceled(error)) return;
      const container = containers.find(id);
      if (container !== undefined) this.#recordFailure(container, error);
    }
    this.#options.onAttemptEnd(id);
  }

  /** A start that fails counts as a run that has failed at once. */
  #recordFailure(container: ManagedContainer, error: unknown): void {
    const reason = messageOf(error);
    logFailure("error", "container", "{id}: cannot start it again: {reason}", error, {
      id: container.id,
    });
    const timestamp = new Date().toISOString();
    container.publish({ type: "restart-failed", timestamp, error: reason });
    this.#options.definitions.update(container.id, { error: reason });
    const stopper = this.#options.definitions.service(container.id)?.stopper;
    this.#next(container, { exitStatus: 1, ranFor: 0, stopper });
  }

  /**
   * Runs a container again that has its next run recorded; see {@linkcode runAgain}. The caller holds
   * the lock of the id.
   */
  async run(id: string, instance: string): Promise<ManagedContainer> {
    const container = await runAgain(id, instance, this.#options);
    this.#recordStart(container);
    return container;
  }

  /** Records that the process of a container was started. */
  #recordStart(container: ManagedContainer): void {
    const { definitions } = this.#options;
    const { id, processes: { exit } } = container;
    definitions.update(id, { next: undefined, unstarted: undefined, error: undefined });
    // Before its start was recorded, so that its exit was not decided on.
    if (exit !== undefined) this.#decide(container, exit);
    this.removeUnneeded(container);
  }

  /** Removes a definition that nothing needs: the container has a bundle and no policy. */
  removeUnneeded({ id, life }: ManagedContainer): void {
    const { definitions } = this.#options;
    const service = definitions.service(id);
    if (service?.policy.policy !== "no" || service.next !== undefined) return;
    if (life.phase !== "resting") definitions.remove(id);
  }

  /** Goes on with a container whose removal has failed: plans its restart again. */
  resume(container: ManagedContainer): void {
    const { id, processes: { exit } } = container;
    const next = this.#options.definitions.service(id)?.next;
    if (next !== undefined) return this.#scheduleNext(id);
    // Nothing was decided on during the removal.
    if (exit !== undefined) this.#decide(container, exit);
  }

  /** Decides whether a container is restarted that a daemon finds when it starts. */
  settle(container: ManagedContainer): void {
    const { definitions } = this.#options;
    const { id, life, processes: { exit, isAlive, status }, bundle: { record } } = container;
    const service = definitions.service(id);
    if (service === undefined || life.phase === "unresponsive") return;
    const isNext = service.next?.instance === record.instance && life.phase !== "resting";
    if (status !== "created" && isNext) {
      definitions.setRecord(record);
      this.#recordStart(container);
      if (status !== "stopped") return;
    } else if (isAlive) {
      return;
    }
    const { next } = definitions.service(id) ?? {};
    if (next !== undefined) return this.#scheduleNext(id);
    if (status !== "stopped") return;
    if (exit !== undefined && !exit.exitStatusUnknown) this.#decide(container, exit);
    const now = definitions.service(id);
    if (now === undefined || now.next !== undefined || !now.started) return;
    if (!comesBack(now.policy, now.stopper)) {
      definitions.update(id, { decided: record.instance });
      return;
    }
    this.#plan(container, NO_PROGRESS);
  }

  /** Forgets the restarts to come; the next daemon does them. */
  [Symbol.dispose](): void {
    for (const id of [...this.#timers.keys()]) this.cancel(id);
  }
}
