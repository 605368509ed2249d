// SPDX-License-Identifier: MIT
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParsedParamsOf } from "../../rpc/contract/method.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import type { ManagedContainer } from "../container/managed_container.ts";
import { defineContainer } from "../definitions/define.ts";
import type { RestartContext } from "./restart/restart_manager.ts";

/** The container to rename, its new id, and the instance that it has to be, if one is named. */
export type RenameParams = ParsedParamsOf<DaemonContract, "container.rename">;

/** The service's parts, and the restarts that a stopped container may have ahead. */
export interface RestingOptions extends RestartContext {
  /** Returns whether a container that is stopped is about to run again. */
  readonly runsAgain: (id: string) => boolean;
}

/**
 * Leaves nothing of a stopped container but its definition, and does `work` with it. Nothing else is
 * done with either of two ids meanwhile.
 *
 * @throws {FailedPreconditionError} if it is not stopped, or about to run again or to be removed.
 */
export async function withResting(
  { id, newId, instance }: RenameParams,
  work: (container: ManagedContainer) => void,
  options: RestingOptions,
): Promise<void> {
  const { containers, definitions, locks, restarts } = options;
  const [first, second] = id < newId ? [id, newId] : [newId, id];
  using _first = await locks.acquire(first);
  using _second = await locks.acquire(second);
  // Before that its status is not known for sure.
  await containers.get(id, instance).settled();
  const container = containers.get(id, instance);
  check(container, options);
  // It is being removed, and not to be kept.
  if (container.life.isEnding && !definitions.has(id)) throw container.life.unreachable();
  if (container.life.phase !== "resting") {
    if (!definitions.has(id)) {
      defineContainer(definitions, container, { decided: container.bundle.record.instance });
    }
    try {
      await container.delete(false);
    } catch (error) {
      if (!container.life.isEnding) restarts.removeUnneeded(container);
      throw error;
    }
  }
  const rested = containers.get(id);
  // A daemon that has just started may have decided meanwhile that it runs again.
  check(rested, options);
  work(rested);
}

/** @throws {FailedPreconditionError} if something keeps the container from being left alone. */
function check(container: ManagedContainer, options: RestingOptions): void {
  const { id } = container;
  const why = obstacle(container, options);
  if (why !== undefined) {
    throw new FailedPreconditionError(`container ${id} ${why}`, { data: { id } });
  }
}

/** Returns the reason why a container cannot be left alone; undefined if it can. */
function obstacle(
  { id, status, bundle: { record } }: ManagedContainer,
  { definitions, runsAgain }: RestingOptions,
): string | undefined {
  if (status === "created") return "is created: it can be renamed once it has run";
  if (status !== "stopped") return `is ${status}: stop it first`;
  // It would go with its bundle.
  if (definitions.has(id) && !definitions.keeps(id)) {
    return "was never started: it can be renamed once it has run";
  }
  if (record.autoRemove) return "is removed when it has exited";
  if (runsAgain(id)) return "is being restarted: stop it first";
  const service = definitions.service(id);
  return service === undefined || service.decided === record.instance
    ? undefined
    : "has exited, and its restart policy has not been applied yet: try again in a moment";
}
