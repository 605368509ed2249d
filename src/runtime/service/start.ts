// SPDX-License-Identifier: MIT
import { messageOf } from "../../error_text.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import type { ManagedContainer } from "../container/managed_container.ts";
import { defineContainer } from "../definitions/define.ts";
import { NO_PROGRESS, type ServiceRecord } from "../definitions/service_record.ts";
import { isCreateCanceled } from "./cancel_create.ts";
import type { ManualRestart } from "./restart/manual_restarts.ts";
import type { RestartContext } from "./restart/restart_manager.ts";

/**
 * Starts a container that is created, or runs one again that is stopped. One that runs is left alone.
 *
 * @param restart the restart that it is started for, if nobody has stopped the container meanwhile.
 * @throws {FailedPreconditionError} if it is paused.
 */
export async function startContainer(
  id: string,
  options: RestartContext,
  restart?: ManualRestart,
): Promise<{ pid: number }> {
  const { cgroupMounts, checkUsable, containers, definitions, locks, restarts } = options;
  let container: ManagedContainer;
  {
    using _lock = await locks.acquire(id);
    container = containers.get(id);
    checkUsable(id);
    if (restart?.stopped) {
      throw new FailedPreconditionError(
        `container ${id} was stopped while it was being restarted`,
        { data: { id } },
      );
    }
    const { status, processes: { pid } } = container;
    if (status === "stopped") return await runStopped(container, options);
    if (status === "running") return { pid };
    if (status === "created") {
      restarts.cancel(id);
      definitions.update(id, STARTED);
    }
  }
  try {
    const restored = container.bundle.record.checkpoint !== undefined;
    return await (restored ? cgroupMounts.keep(() => container.start()) : container.start());
  } catch (error) {
    const { status, processes: { pid, startedAt } } = container;
    const wasStarted = error instanceof FailedPreconditionError && startedAt !== undefined;
    // By another call, meanwhile.
    if (wasStarted && status !== "paused") return { pid };
    throw error;
  }
}

async function runStopped(
  container: ManagedContainer,
  { containers, definitions, onAttemptEnd, restarts, stopping }: RestartContext,
): Promise<{ pid: number }> {
  const { id, bundle: { record } } = container;
  const before = definitions.service(id);
  const next = { instance: crypto.randomUUID(), at: new Date().toISOString() };
  restarts.cancel(id);
  defineContainer(definitions, container, { ...STARTED, decided: record.instance, next });
  try {
    const { processes: { pid } } = await restarts.run(id, next.instance);
    return { pid };
  } catch (error) {
    // As in docker the policy does not repeat a start that has failed for a user, but goes on with its own.
    if (!stopping.aborted) {
      const undo = before?.next === undefined ? { next: undefined } : before;
      const { unstarted } = definitions.service(id) ?? {};
      definitions.update(id, {
        ...undo,
        unstarted,
        ...(isCreateCanceled(error) ? {} : { error: messageOf(error) }),
      });
      if (before?.next !== undefined) restarts.resume(containers.get(id));
    }
    throw error;
  } finally {
    // Its exit, or none at all, may have come while it was said to run again.
    onAttemptEnd(id);
  }
}

/** The changes of a start by hand. */
const STARTED: Partial<ServiceRecord> = {
  started: true,
  stopper: undefined,
  progress: NO_PROGRESS,
  next: undefined,
};
