// SPDX-License-Identifier: MIT
import { failpoint } from "../../../failpoint.ts";
import type { ManagedContainer } from "../../container/managed_container.ts";
import type { ServiceContext } from "../context.ts";
import { checkSignal, type ContainerStopOptions } from "../stop/stop.ts";
import { logFailure } from "../../util/log_failure.ts";
import { readRestart, recordRestart, removeRestart } from "./restart_record.ts";

/** A restart by hand that is under way. */
export interface ManualRestart {
  /** Whether somebody has stopped the container since. */
  stopped: boolean;
}

/** The service's parts, and the two halves of a restart. */
export interface ManualRestartsOptions extends ServiceContext {
  /** Stops a container, which its policy then does not run again. */
  readonly stop: (id: string, how: ContainerStopOptions) => Promise<unknown>;
  /** Starts the container of a restart, unless somebody has stopped the container meanwhile. */
  readonly start: (id: string, restart: ManualRestart) => Promise<{ pid: number }>;
}

/**
 * The restarts that users ask for: a stop and a start, which the next daemon finishes if this one dies
 * between the two.
 */
export class ManualRestarts {
  readonly #options: ManualRestartsOptions;
  /** The restarts of each id that were asked for and are not done. */
  readonly #underWay = new Map<string, Set<ManualRestart>>();
  /** Restarts that an earlier daemon has begun; a client that asks again waits for the same one. */
  readonly #finishing = new Map<string, Promise<{ pid: number }>>();

  constructor(options: ManualRestartsOptions) {
    this.#options = options;
  }

  /** Returns whether a restart of the container is not done yet. */
  isUnderWay(id: string): boolean {
    return this.#underWay.has(id);
  }

  /**
   * Stops a container, if it is running, and runs it again, even if the caller goes meanwhile. A start or
   * restart that is under way comes to its end first.
   *
   * @throws {InvalidParamsError} if the signal is none; then nothing is changed.
   */
  async restart(id: string, how: ContainerStopOptions): Promise<{ pid: number }> {
    checkSignal(how);
    return await (this.#finishing.get(id) ?? this.#restart(id, how));
  }

  /** Does again the restart, in the background, in whose middle an earlier daemon has died. */
  finish({ id, bundle: { paths } }: ManagedContainer): void {
    const how = readRestart(paths.dir);
    if (how === undefined) return;
    const restart = this.#restart(id, how);
    this.#finishing.set(id, restart);
    restart.catch((error) => {
      if (this.#options.stopping.aborted) return;
      logFailure("error", "container", "{id}: cannot finish its restart: {reason}", error, { id });
    }).finally(() => this.#finishing.delete(id));
  }

  /** Keeps the restarts of a container, those that an earlier daemon has begun too, from starting it. */
  takeBack({ id, bundle: { paths } }: ManagedContainer): void {
    removeRestart(paths.dir);
    for (const restart of this.#underWay.get(id) ?? []) restart.stopped = true;
  }

  async #restart(id: string, how: ContainerStopOptions): Promise<{ pid: number }> {
    const { containers, onAttemptEnd, start, stop, stopping } = this.#options;
    containers.get(id);
    let dir: string | undefined;
    const restart: ManualRestart = { stopped: false };
    const restarts = this.#underWay.get(id) ?? new Set();
    this.#underWay.set(id, restarts.add(restart));
    try {
      dir = await this.#record(id, how);
      if (dir !== undefined) {
        await stop(id, how);
        failpoint("restart.stopped");
      }
      return await start(id, restart);
    } catch (error) {
      // The next daemon finishes what this one leaves undone as it stops.
      if (dir !== undefined && !stopping.aborted) removeRestart(dir);
      throw error;
    } finally {
      restarts.delete(restart);
      if (restarts.size === 0) this.#underWay.delete(id);
      onAttemptEnd(id);
    }
  }

  /**
   * Records the restart of a container that runs, once other calls with it are done, and returns
   * the directory of its bundle; undefined if it does not run.
   */
  async #record(id: string, how: ContainerStopOptions): Promise<string | undefined> {
    const { containers, locks } = this.#options;
    using _lock = await locks.acquire(id);
    const { processes, bundle: { paths: { dir } } } = containers.get(id);
    if (!processes.isAlive) return undefined;
    recordRestart(dir, how);
    return dir;
  }
}
