// SPDX-License-Identifier: MIT
import type { Cgroup, Hierarchy } from "../../linux/cgroup/cgroup.ts";
import { EMFILE, ENODEV, ENOENT, ENOSPC, isErrno } from "../../linux/libc/errno.ts";
import { OomLog } from "../../linux/oom/oom_log.ts";
import { OomWatch, type OomWatchOptions } from "../../linux/oom/oom_watch.ts";
import { FdReserve } from "../../linux/fd/fd_reserve.ts";
import { Poller } from "../../linux/fd/poller.ts";
import { logFailure } from "../util/log_failure.ts";
import type { Monitor, Monitored } from "./monitor.ts";

const UNREADABLE = "the kernel's log cannot be read: {reason}";

/**
 * Publishes an `oom` event for every OOM kill in a container. One poller watches for all of them;
 * the kernel's counter is read before an exit is published, so that none is lost or late; and the
 * kernel's log where the cgroup is gone before that.
 */
export class OomMonitor implements Monitor, Disposable {
  readonly #poller = new Poller();
  readonly #watches = new Map<string, OomWatch>();
  readonly #log: OomLog | undefined;
  readonly #reserve = new FdReserve();

  /** Reads the kernel's log from now on, unless `log` is given: then that, which it disposes of. */
  constructor(hierarchies: readonly Hierarchy[], log: OomLog | undefined = openLog(hierarchies)) {
    this.#log = log;
  }

  start(container: Monitored): void {
    const { id, instance, cgroup } = container;
    if (cgroup === undefined || this.#watches.has(instance)) return;
    const watch = openUnlessGone(cgroup, {
      poller: this.#poller,
      kills: container.oomKills,
      log: this.#log,
      onOom: (oom) =>
        container.publish({
          timestamp: new Date().toISOString(),
          type: "oom",
          id,
          instance,
          pid: container.pid,
          oom,
        }),
    });
    if (watch !== undefined) this.#watches.set(instance, watch);
  }

  poll({ instance, pid }: Monitored): void {
    const watch = this.#watches.get(instance);
    if (watch === undefined) return;
    // It comes before an exit, which must not be published first for lack of an fd to read the counters.
    this.#reserve.run(() => watch.check(pid));
  }

  stop({ instance }: Monitored): void {
    this.#watches.get(instance)?.[Symbol.dispose]();
    this.#watches.delete(instance);
  }

  [Symbol.dispose](): void {
    for (const watch of this.#watches.values()) watch[Symbol.dispose]();
    this.#watches.clear();
    this.#log?.[Symbol.dispose]();
    this.#poller[Symbol.dispose]();
    this.#reserve[Symbol.dispose]();
  }
}

/** A container can end, and be deleted by its shim, while no daemon runs: its cgroup is gone then. */
function openUnlessGone(cgroup: Cgroup, options: OomWatchOptions): OomWatch | undefined {
  try {
    return OomWatch.open(cgroup, options);
  } catch (error) {
    if (isErrno(error, ENOENT, ENODEV) || error instanceof Deno.errors.NotFound) return undefined;
    // Of inotify there is little, 128 for a user by default: without it a kill is told at the next
    // exit of the container's, which is better than no container.
    if (!isErrno(error, EMFILE, ENOSPC) || options.poller === undefined) throw error;
    logFailure("warn", "oom", "no notification of OOM kills in {cgroup}: {reason}", error, {
      cgroup: cgroup.paths["memory"] ?? cgroup.paths["unified"],
    });
    const { poller: _, ...rest } = options;
    return openUnlessGone(cgroup, rest);
  }
}

/** Opens the kernel's log; undefined where it cannot be read, as in a container. */
function openLog(hierarchies: readonly Hierarchy[]): OomLog | undefined {
  try {
    return OomLog.open({
      hierarchies,
      onFailure: (error) => logFailure("warn", "oom", UNREADABLE, error),
    });
  } catch (error) {
    logFailure("debug", "oom", UNREADABLE, error);
    return undefined;
  }
}
