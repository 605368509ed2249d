// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { failpointAsync } from "../../failpoint.ts";
import { couldNotStart } from "../../oci/driver/runtime_call.ts";
import { damagedState, neverRan } from "../../oci/driver/runtime_state.ts";
import { exitOf, unseenExit } from "../../oci/process_exit.ts";
import { DeadlineExceededError, FailedPreconditionError, RuntimeError } from "../../rpc/errors.ts";
import type { DeleteResult } from "../../rpc/contract/schemas.ts";
import { backoff } from "../../linux/event_loop/backoff.ts";
import { killIfSame } from "../../linux/process/process.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import type { Bundle } from "../bundle/bundle.ts";
import { cgroupOf, plannedCgroup, removePlannedCgroup } from "../bundle/cgroup_record.ts";
import type { ContainerCgroup } from "./cgroup.ts";
import type { ContainerContext } from "./context.ts";
import type { ContainerEvents } from "./events.ts";
import type { OciRuntime } from "../../oci/driver/oci_runtime.ts";
import type { ProcessTable } from "./process_table.ts";
import { copyOrphanedOutput } from "./orphaned_output.ts";
import { removeOwnDirs, removeRecordedDirs } from "../create/own_dirs.ts";
import { reapOrphanedCreate, startedByShim } from "./orphaned_create.ts";
import { messageOf } from "../../error_text.ts";
import { logFailure } from "../util/log_failure.ts";

/** How long one call of the runtime may take while a dead shim's container is removed, in ms. */
const MOST_PER_RUNTIME_CALL = 30_000;

/** How long a create that has lost its shim may go on, in milliseconds: it ends by itself. */
const CREATE_GRACE = 10_000;

/** The container's parts that leave something behind. */
export interface ContainerCleanupOptions {
  readonly bundle: Bundle;
  readonly processes: ProcessTable;
  readonly cgroup: ContainerCgroup;
  readonly events: ContainerEvents;
  readonly context: ContainerContext;
}

/**
 * Removes all that a container leaves, also without its shim. Each step can be repeated until it
 * works.
 */
export class ContainerCleanup {
  readonly #options: ContainerCleanupOptions;
  /** Pids of the processes that were alive when they were to be killed, over all attempts. */
  readonly #killed = new Set<number>();
  /** Why the network could not be removed with the container; undefined where it was. */
  networkLeft: string | undefined;

  constructor(options: ContainerCleanupOptions) {
    this.#options = options;
  }

  /** How long one call of the runtime may take that the daemon makes itself, in milliseconds. */
  get #runtimeBound(): number {
    return Math.min(this.#options.context.timeouts.runtime, MOST_PER_RUNTIME_CALL);
  }

  /**
   * Kills the shim and leaves nothing of the container but its bundle, without the shim's help.
   *
   * @throws {RuntimeError} if the runtime fails, and other errors that prevent it.
   */
  async destroy(): Promise<void> {
    const { bundle, context } = this.#options;
    this.reportDamaged();
    const started = startedByShim(bundle);
    await context.shims.kill(bundle);
    await failpointAsync("cleanup.shim-killed");
    // With no_shim the daemon itself has them open.
    const left = context.config.runtime.no_shim ? undefined : await copyOrphanedOutput(bundle);
    try {
      await this.#destroyProcesses();
    } finally {
      await left?.[Symbol.asyncDispose]();
      // A call of the OCI runtime that hangs has nobody any more.
      for (const { pid, startTime } of started) killIfSame(pid, startTime, SIGKILL);
    }
  }

  /** Logs that the OCI runtime can do nothing more with the container, where its state is damaged. */
  reportDamaged(): void {
    const { bundle: { id, record } } = this.#options;
    const path = damagedState(record.runtimeRoot, id);
    if (path === undefined) return;
    const message = "{id}: {path} is damaged, so it is removed without the OCI runtime";
    getLogger(["berth", "container"]).warn(message, { id, path });
  }

  async #destroyProcesses(): Promise<void> {
    const { bundle, cgroup, events } = this.#options;
    if (!events.createPublished) {
      await cgroup.find(() =>
        reapOrphanedCreate(bundle, Math.min(this.#runtimeBound, CREATE_GRACE))
      );
    }
    try {
      await this.#destroyByRuntime();
    } catch (error) {
      if (!neverRan(error, bundle.record, bundle.paths)) throw error;
      events.publishSyntheticExits(this.#killed);
    }
    cgroup.stopMonitors();
    await cgroup.kill();
    await cgroup.remove();
  }

  async #destroyByRuntime(): Promise<void> {
    const { bundle, cgroup, context, events } = this.#options;
    const runtime = context.runtimeOf(bundle);
    const bound = this.#runtimeBound;
    await cgroup.find(async () => {
      const pid = await initPidByRuntime(bundle, runtime, bound);
      if (pid === undefined) return undefined;
      this.#killed.add(pid);
      return cgroupOf(pid, context.hierarchies);
    });
    // Of a create that was cut short, or a damaged state, no pid is known to find it by.
    await cgroup.find(() => plannedCgroup(bundle, context.hierarchies));
    for (const { pid } of cgroup.pids()) this.#killed.add(pid);
    // Waits for the processes need not wait for the runtime too, which may be out of order.
    if (await cgroup.kill()) events.publishSyntheticExits(this.#killed);
    await deleteFromRuntime(bundle, runtime, bound);
    await failpointAsync("cleanup.runtime-deleted");
    events.publishSyntheticExits(this.#killed);
  }

  /** Removes a container that its shim could not roll back from the runtime. */
  async deleteFromRuntime(): Promise<void> {
    const { bundle, context } = this.#options;
    await deleteFromRuntime(bundle, context.runtimeOf(bundle), this.#runtimeBound);
  }

  /**
   * Publishes the delete and removes the bundle. The delete is published when nothing but plain files is
   * left, and before these are gone: a daemon that is killed in between finds the bundle, and then
   * publishes the delete or finds that it was published.
   *
   * @param isLate whether no client removes the directories of the container.
   * @throws {FailedPreconditionError} if the bundle or the cgroup cannot be removed yet.
   */
  async removeBundle(result: DeleteResult, isLate: boolean): Promise<void> {
    const { bundle, context, events } = this.#options;
    let last: unknown;
    for (const delay of backoff({ first: 20, most: 400, attempts: 6 })) {
      try {
        bundle.unmount();
        await failpointAsync("delete.unmounted");
        await removePlannedCgroup(bundle, context.hierarchies);
        await failpointAsync("delete.publish");
        if (!context.owner.keeps(bundle.id)) {
          removeRecordedDirs(bundle.record);
          if (isLate) this.#removeOwnDirs();
          events.publishDelete(result);
        }
        bundle.remove();
        // Without the bundle only this process has these events; the removal has made room.
        context.events.flush();
        return;
      } catch (error) {
        last = error;
      }
      await delay();
    }
    throw new FailedPreconditionError(
      `container ${bundle.id}: its bundle cannot be removed yet: ` +
        `${messageOf(last)}; ` +
        "delete it again when the cause is gone",
      { cause: last, data: { id: bundle.id } },
    );
  }

  /** Removes the directories of the container. One that cannot be removed does not keep the container. */
  #removeOwnDirs(): void {
    const { bundle: { id, record }, context } = this.#options;
    try {
      removeOwnDirs(record, context.config.root);
    } catch (error) {
      logFailure("warn", "container", "{id}: cannot remove what it has left: {reason}", error, {
        id,
      });
    }
  }

  /**
   * Removes the container's network by its record alone, if that is not done yet. A plugin that fails
   * now may do better in a moment: the lock of another's `iptables`, say. With `force` a network that
   * cannot be removed keeps no container that is not to run again: its removal goes on without one.
   *
   * @throws {BerthError} naming the plugin; it may be tried again.
   */
  async removeNetwork(force: boolean): Promise<void> {
    if (this.networkLeft !== undefined) return;
    const { bundle: { record }, context } = this.#options;
    // Where the container's record was lost, the network's own may still be there.
    const hasNetwork = record.network !== undefined ||
      context.networks.state(record.instance) !== undefined;
    if (!hasNetwork) return;
    let last: unknown;
    for (const delay of backoff({ first: 20, most: 100, attempts: 3 })) {
      try {
        await context.networks.remove({ ...record, again: context.owner.keeps(record.id) });
        return;
      } catch (error) {
        last = error;
        // The plugin has had its time.
        if (error instanceof DeadlineExceededError) break;
      }
      await delay();
    }
    if (!force || context.owner.keeps(record.id)) throw last;
    this.networkLeft = messageOf(last);
    const { instance, network } = record;
    context.networks.removeInBackground({ instance, network });
  }

  /** Returns how the container ended, as far as is known without its shim. */
  result(): DeleteResult {
    const { exit, pid } = this.#options.processes;
    return { pid, ...exitOf(exit ?? unseenExit()) };
  }
}

/**
 * Returns init's pid, as the runtime vouches for it: the runtime compares start times, which a pid file
 * cannot. Returns undefined if init has ended or the runtime does not know the container. Of a create
 * that was cut short the runtime may have a directory and no state: it then fails, and a forced delete
 * removes the directory.
 *
 * @throws {RuntimeError} if the runtime could not be started.
 */
async function initPidByRuntime(
  bundle: Bundle,
  runtime: OciRuntime,
  timeoutMs: number,
): Promise<number | undefined> {
  try {
    const state = await runtime.state(bundle.id, { timeoutMs });
    return state === undefined || state.status === "stopped" || state.pid <= 0
      ? undefined
      : state.pid;
  } catch (error) {
    if (!(error instanceof RuntimeError) || couldNotStart(error)) throw error;
    return undefined;
  }
}

/**
 * Removes a container without a shim from the runtime, and kills its remaining processes. Returns
 * only when the runtime reports that it is gone. Works by the container's id, never through a
 * recorded pid.
 *
 * @throws {RuntimeError} if the runtime fails; the call may be repeated.
 * @throws {DeadlineExceededError} if the runtime hangs; the call may be repeated.
 * @throws {FailedPreconditionError} if the runtime still has it.
 */
async function deleteFromRuntime(
  bundle: Bundle,
  runtime: OciRuntime,
  timeoutMs: number,
): Promise<void> {
  await runtime.delete(bundle.id, { timeoutMs, force: true });
  const left = await runtime.state(bundle.id, { timeoutMs });
  if (left !== undefined) {
    throw new FailedPreconditionError(
      `container ${bundle.id}: the runtime still has it as ${left.status}`,
      { data: { id: bundle.id } },
    );
  }
}
