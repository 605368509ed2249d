// SPDX-License-Identifier: MIT
import type { Cgroup, CgroupStats } from "../../linux/cgroup/cgroup.ts";
import {
  freezerState,
  killUntilEmpty,
  pids,
  readStats,
  remove,
} from "../../linux/cgroup/cgroup.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import type { Stats } from "../../rpc/contract/stats_schema.ts";
import type { Bundle } from "../bundle/bundle.ts";
import { cgroupOf, recordCgroup, recordedCgroup } from "../bundle/cgroup_record.ts";
import { logFailure } from "../util/log_failure.ts";
import type { ContainerContext } from "./context.ts";
import type { ContainerEvents } from "./events.ts";
import type { ProcessTable } from "./process_table.ts";
import type { Monitored } from "../monitors/monitor.ts";

/** The part of a container that a {@linkcode ContainerCgroup} uses. */
export interface ContainerCgroupOptions {
  readonly bundle: Bundle;
  readonly processes: ProcessTable;
  readonly context: ContainerContext;
  /** Asked for only when they are needed: the two know each other. */
  readonly events: () => ContainerEvents;
}

/** The cgroup of one container, once it is known, and the monitors that watch it. */
export class ContainerCgroup {
  readonly #options: ContainerCgroupOptions;
  #found: Cgroup | undefined;
  /** Set while {@linkcode resolveLater} is still to be done. */
  #soon: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ContainerCgroupOptions) {
    this.#options = options;
  }

  /** Whether the cgroup has been found. */
  get known(): boolean {
    return this.#cgroup !== undefined;
  }

  get #cgroup(): Cgroup | undefined {
    this.flushPending();
    return this.#found;
  }

  /** Loads the cgroup that the bundle has recorded, and starts its monitors. */
  load(): void {
    this.#found = recordedCgroup(this.#options.bundle);
    this.startMonitors();
  }

  /**
   * Finds it by init, records it and has the monitors watch it. Where that cannot be done, for lack of
   * fds say, it is logged and done the next time: what was asked for has been done all the same.
   */
  resolve(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const { bundle, context, processes } = this.#options;
    try {
      if (this.#found === undefined) {
        this.#found = cgroupOf(processes.pid, context.hierarchies);
        if (this.#found !== undefined) recordCgroup(bundle, this.#found);
      }
      this.startMonitors();
    } catch (error) {
      logFailure("error", "container", "{id}: its cgroup is not watched: {reason}", error, {
        id: bundle.id,
      });
    }
  }

  /** Does a {@linkcode resolve} now that {@linkcode resolveLater} has put off. */
  flushPending(): void {
    if (this.#soon !== undefined) this.resolve();
  }

  /**
   * Schedules {@linkcode resolve} for the next turn of the event loop, so that the response of the
   * create is sent first.
   */
  resolveLater(): void {
    this.#soon = setTimeout(() => this.resolve(), 0);
  }

  /** Sets the cgroup to the result of `find`, unless it is known. */
  async find(find: () => Cgroup | undefined | Promise<Cgroup | undefined>): Promise<void> {
    if (!this.known) this.#found = await find();
  }

  /** Kills every process in it; false if it is not known or some do not die. */
  async kill(): Promise<boolean> {
    return this.#cgroup !== undefined && await killUntilEmpty(this.#cgroup);
  }

  /** Removes it, where it is known. */
  async remove(): Promise<void> {
    if (this.#cgroup !== undefined) await remove(this.#cgroup);
  }

  /** Whether everything in the cgroup is frozen; undefined if the cgroup is not known. */
  get frozen(): boolean | undefined {
    return this.#cgroup === undefined ? undefined : freezerState(this.#cgroup) === "frozen";
  }

  /**
   * Returns the cgroup statistics.
   *
   * @throws {FailedPreconditionError} if the container has no cgroup (any more).
   */
  stats(): Stats {
    const { bundle: { id }, processes: { status } } = this.#options;
    if (this.#cgroup === undefined || status === "stopped") {
      throw new FailedPreconditionError(
        `container ${id} is ${status}: it has no statistics to read`,
        { data: { id } },
      );
    }
    return this.#readStats(this.#cgroup);
  }

  /**
   * Returns the statistics of `cgroup`; v1 forgets the OOM kills of a cgroup below that is removed.
   */
  #readStats(cgroup: Cgroup): CgroupStats {
    const stats = readStats(cgroup);
    // After the read: a kill that the statistics count is published, too.
    this.pollMonitors();
    const { memory } = stats;
    if (memory?.oomKills !== undefined) {
      memory.oomKills = Math.max(memory.oomKills, this.#options.events().oomKills);
    }
    return stats;
  }

  /** Returns every process in it, with the exec that it is where that is known. */
  pids(): { pid: number; execId?: string }[] {
    if (this.#cgroup === undefined) return [];
    const execs = new Map(this.#options.processes.execs().map(({ pid, execId }) => [pid, execId]));
    return pids(this.#cgroup).map((pid) => {
      const execId = execs.get(pid);
      return execId === undefined ? { pid } : { pid, execId };
    });
  }

  /** Starts the monitors that do not watch the container yet. */
  startMonitors(): void {
    this.#options.context.monitor.start(this.#monitored());
  }

  /** Polls the monitors: before an exit is published, and when statistics are read. */
  pollMonitors(): void {
    this.#options.context.monitor.poll?.(this.#monitored());
  }

  /** Ends the monitors' watch. */
  stopMonitors(): void {
    this.#options.context.monitor.stop(this.#monitored());
  }

  #monitored(): Monitored {
    const { bundle, processes, events } = this.#options;
    const { id, instance } = bundle.record;
    const cgroup = this.#cgroup;
    return {
      id,
      instance,
      cgroup,
      pid: processes.pid,
      oomKills: events().oomKills,
      stats: () =>
        cgroup === undefined ? { timestamp: new Date().toISOString() } : this.#readStats(cgroup),
      publish: (draft) => events().publish(draft),
    };
  }
}
