// SPDX-License-Identifier: MIT
import { exists } from "../../linux/fs/exists.ts";
import { removeTree } from "../../linux/fs/remove_tree.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { logDir } from "../../oci/log_layout.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParsedParamsOf } from "../../rpc/contract/method.ts";
import type { Removal } from "../../rpc/contract/schemas.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import { logFailure } from "../util/log_failure.ts";
import { createCanceled, lockToEnd, startCanceled } from "./cancel_create.ts";
import type { RestartContext } from "./restart/restart_manager.ts";

/** The container to remove, and the conditions of its removal. */
export type RemoveParams = ParsedParamsOf<DaemonContract, "container.delete">;

/**
 * Removes a container with its definition, so that it never comes back. With `force` one that is being
 * created, too: its create is canceled.
 *
 * @throws {FailedPreconditionError} if it runs and `force` is not given.
 */
export async function removeForGood(
  target: RemoveParams,
  options: RestartContext,
): Promise<Removal> {
  const { id, force, instance } = target;
  const log = options.containers.find(id)?.bundle.record.log;
  // A log whose path a client has chosen stays.
  if (log?.own === false) return await remove(target, options);
  try {
    const result = await cancelFirstCreate(target, options) ?? await remove(target, options);
    removeLeft(target, options);
    return result;
  } catch (error) {
    // A client that names the instance has seen the container, which has gone meanwhile.
    const isAsked = force || instance !== undefined;
    if (isAsked && error instanceof NotFoundError) removeLeft(target, options);
    throw error;
  }
}

/**
 * Cancels the create of a container that has never been there before. Returns how that ended; undefined
 * if there is no such create, or the container is there by now.
 */
async function cancelFirstCreate(
  { id, force = false, instance }: RemoveParams,
  { containers }: RestartContext,
): Promise<Removal | undefined> {
  if (!force || containers.find(id) !== undefined) return undefined;
  const ended = containers.cancelCreate(id, createCanceled(id, "removed"), instance);
  if (ended === undefined) return undefined;
  await ended;
  if (containers.find(id) !== undefined) return undefined;
  return { pid: 0, exitStatus: 128 + SIGKILL, exitedAt: new Date().toISOString() };
}

async function remove(
  { id, force = false, instance }: RemoveParams,
  options: RestartContext,
): Promise<Removal> {
  const { checkUsable, containers, definitions, locks, restarts } = options;
  const asked = containers.get(id, instance);
  if (force) asked.life.cancelConnect();
  using _lock = await (force ? lockToEnd(id, "removed", options) : locks.acquire(id));
  // If it has gone meanwhile its own delete says how, unless it only has another id now.
  const isGone = containers.find(id) === undefined &&
    !containers.hasInstance(asked.bundle.record.instance);
  const container = isGone ? asked : containers.get(id, instance);
  checkUsable(id);
  if (force) container.cancelStart(startCanceled(id, "removed"));
  const { isAlive } = container.processes;
  if (!definitions.has(id) || (isAlive && !force)) return await container.delete(force);
  restarts.cancel(id);
  definitions.withdraw(id);
  try {
    return await container.delete(force);
  } catch (error) {
    if (container.life.isEnding) throw error;
    // Nothing was removed, so that it goes on as before; a process that was killed was so by its user.
    definitions.restore(id);
    if (isAlive) definitions.update(id, { stopper: "user" });
    restarts.resume(container);
    throw error;
  }
}

/**
 * Removes what the daemon keeps of a container that is gone until somebody asks for the removal: the log
 * of one whose shim died, and with `force` a damaged definition. What has the id by now keeps its own.
 */
function removeLeft(
  { id, force }: RemoveParams,
  { checkUsable, containers, definitions, root }: RestartContext,
): void {
  if (containers.isTaken(id)) return;
  try {
    // A log below an id whose rename is not done is that of a container with another id.
    checkUsable(id);
    removeTree(logDir(root, id));
    // A definition that could not be read.
    if (force && exists(definitions.dir(id))) definitions.remove(id);
  } catch (error) {
    logFailure("warn", "container", "{id}: cannot remove what it has left: {reason}", error, {
      id,
    });
  }
}
