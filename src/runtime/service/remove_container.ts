// SPDX-License-Identifier: MIT
import type { DeleteResult } from "../../rpc/contract/schemas.ts";
import type { ServiceContext } from "./context.ts";
import type { RestartManager } from "./restart/restart_manager.ts";

/** What {@linkcode removeContainer} needs. */
export interface RemoveOptions extends ServiceContext {
  readonly restarts: Pick<RestartManager, "cancel" | "goOn">;
}

/** What {@linkcode removeContainer} removes. */
export interface RemoveTarget {
  readonly id: string;
  /** Remove it even if it runs. */
  readonly force: boolean;
  /** Remove it only if it is still this instance. */
  readonly instance?: string | undefined;
}

/**
 * Removes a container with its definition, so that it never comes back.
 *
 * @throws {FailedPreconditionError} if it runs and `force` is not given.
 */
export async function removeContainer(
  { id, force, instance }: RemoveTarget,
  { checkUsable, containers, definitions, locks, restarts }: RemoveOptions,
): Promise<DeleteResult> {
  const asked = containers.get(id, instance);
  if (force) asked.life.cancelConnect();
  using _lock = await locks.acquire(id);
  // It may have gone meanwhile, which it then tells itself, unless it only has another id now.
  const isGone = containers.find(id) === undefined &&
    !containers.hasInstance(asked.bundle.record.instance);
  const container = isGone ? asked : containers.get(id, instance);
  checkUsable(id);
  const alive = container.status === "running" || container.status === "paused";
  if (!definitions.has(id) || (alive && !force)) return await container.delete(force);
  restarts.cancel(id);
  definitions.withdraw(id);
  try {
    return await container.delete(force);
  } catch (error) {
    if (container.life.isEnding) throw error;
    // Nothing was removed, so that it goes on as before; what was killed was so by its user.
    definitions.restore(id);
    if (alive) definitions.update(id, { stopper: "user" });
    restarts.goOn(container);
    throw error;
  }
}
