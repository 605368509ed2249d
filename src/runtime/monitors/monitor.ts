// SPDX-License-Identifier: MIT
import type { Cgroup, CgroupStats } from "../../linux/cgroup/cgroup.ts";
import type { EventDraft } from "../events/journal.ts";

/** A container, as a monitor sees it. */
export interface Monitored {
  readonly id: string;
  readonly instance: string;
  /** Where its statistics are; undefined where its cgroup could not be found. */
  readonly cgroup: Cgroup | undefined;
  readonly pid: number;
  /** OOM kills that have been published already. */
  readonly oomKills: number;
  /** Its statistics now; empty once its cgroup is gone. */
  stats(): CgroupStats;
  /** Publishes an event of this container. */
  publish(draft: EventDraft): void;
}

/**
 * Watches containers from their create to their delete, also across daemon restarts: a container
 * that comes back is started with again.
 */
export interface Monitor {
  /** Begins to watch; called before the container's process can run. */
  start(container: Monitored): void;
  /**
   * Called before the exit of one of the container's processes is published, and when a client
   * asks for its statistics.
   */
  poll?(container: Monitored): void;
  /** Ends watching; called before the container is deleted. Unknown containers are ignored. */
  stop(container: Monitored): void;
}

/** Makes one monitor of several. */
export function combineMonitors(all: readonly Monitor[]): Monitor {
  return {
    start: (container) => all.forEach((each) => each.start(container)),
    poll: (container) => all.forEach((each) => each.poll?.(container)),
    stop: (container) => all.forEach((each) => each.stop(container)),
  };
}
