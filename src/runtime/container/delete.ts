// SPDX-License-Identifier: MIT
import { failpointAsync } from "../../failpoint.ts";
import { withTimeout } from "../../linux/event_loop/with_timeout.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { DeadlineExceededError, FailedPreconditionError, NotFoundError } from "../../rpc/errors.ts";
import type { DeleteResult, Removal } from "../../rpc/contract/schemas.ts";
import type { ContainerParts } from "./parts.ts";
import type { ContainerRecovery } from "./recovery.ts";
import type { ContainerDeletion } from "./deletion.ts";
import type { ShimCallOptions, ShimClient } from "../shims/shim_client.ts";
import { isShimResponse } from "../shims/shim_errors.ts";

/** How long a forced delete waits for the shim to show that it answers, in milliseconds. */
const FORCE_AFTER = 2_000;

/**
 * How long a forced delete waits for the OCI runtime, in milliseconds: a call of it may hang, this
 * one's or another that the shim finishes first.
 */
const FORCE_WITHIN = 15_000;

/**
 * Removes the container, or, if it is defined, only this instance of it: monitors, runtime state
 * and mounts, shim, bundle, in that order. After a failure it can be called again and goes on where
 * it stopped, with the same answer. The caller holds the container's lock.
 *
 * @throws {FailedPreconditionError} if it runs and `force` is not given.
 * @throws {NotFoundError} if its create came to nothing.
 */
export async function deleteContainer(
  parts: ContainerParts,
  deletion: ContainerDeletion,
  recovery: ContainerRecovery,
  force: boolean,
): Promise<Removal> {
  const result = await deleteInstance(parts, deletion, recovery, force);
  const { bundle: { id }, cleanup: { networkLeft } } = parts;
  if (result !== undefined) return networkLeft === undefined ? result : { ...result, networkLeft };
  const except = networkLeft === undefined
    ? ""
    : `, but not its network, which the daemon goes on trying to remove: ${networkLeft}`;
  throw new NotFoundError(
    `no container ${id}: its create was never finished, and what it left is removed${except}`,
    { data: { id } },
  );
}

async function deleteInstance(
  parts: ContainerParts,
  deletion: ContainerDeletion,
  recovery: ContainerRecovery,
  force: boolean,
): Promise<DeleteResult | undefined> {
  const { bundle: { id }, cgroup, cleanup, life, processes } = parts;
  switch (life.state.phase) {
    case "gone":
      // It was still there when this was asked.
      return life.state.result;
    case "resting":
      life.delete(cleanup.result());
      return await deletion.finish(force);
    case "deleting":
      return await deletion.finish(force);
    case "cleaning-up":
      // It is being removed already; this is as good a time to try again as any.
      return await deletion.cleanUp(force);
  }
  const { isAlive, status } = processes;
  if (!force && isAlive) {
    throw new FailedPreconditionError(
      `container ${id} is ${status}: it must have exited, or be deleted with force`,
      { data: { id } },
    );
  }
  const { client } = life;
  if (client === undefined) {
    if (!force) throw life.unreachable();
    return await deletion.cleanUpByForce();
  }
  try {
    if (force) await seeThatItAnswers(parts, client);
    const options = force ? boundOf(parts) : {};
    if (isAlive) await killAll(parts, client, options);
    cgroup.stopMonitors();
    await failpointAsync("delete.shim");
    const result = await deleteByShim(parts, client, { force, options });
    await failpointAsync("delete.shim-deleted");
    life.delete(result);
  } catch (error) {
    if (force && !isShimResponse(error)) return await deletion.cleanUpByForce();
    if (processes.exit === undefined) cgroup.startMonitors();
    throw recovery.translateShimError(client, error);
  }
  return await deletion.finish(force);
}

/** Has the shim delete the container; with `force` also one that runs by now, or whose start hangs. */
async function deleteByShim(
  parts: ContainerParts,
  client: ShimClient,
  { force, options }: { readonly force: boolean; readonly options: ShimCallOptions },
): Promise<DeleteResult> {
  parts.cleanup.reportDamaged();
  try {
    const deleted = client.call("shim.delete", {}, options);
    // A start that an earlier daemon has asked for ends with its process.
    if (force && !await withTimeout(deleted, FORCE_AFTER)) await killInit(client);
    return await deleted;
  } catch (error) {
    if (!force || !(error instanceof FailedPreconditionError)) throw error;
    await killAll(parts, client, options);
    return await client.call("shim.delete", {}, options);
  }
}

/**
 * Returns the options of calls that give the shim up in time: it is killed then, and the rest is done
 * without it. Not that of a group, on which others depend, nor the daemon itself with no_shim.
 */
function boundOf({ bundle: { record }, context }: ContainerParts): ShimCallOptions {
  const own = record.group === undefined && !context.config.runtime.no_shim;
  return own ? { signal: AbortSignal.timeout(FORCE_WITHIN) } : {};
}

/** Kills init, where there is one. */
async function killInit(client: ShimClient): Promise<void> {
  try {
    await client.call("shim.kill", { signal: SIGKILL });
  } catch (error) {
    // It has ended, or was never restored.
    if (!(error instanceof NotFoundError || error instanceof FailedPreconditionError)) throw error;
  }
}

/** Calls the shim once: one that does not answer this would not delete anything either. */
async function seeThatItAnswers(
  { bundle: { record } }: ContainerParts,
  client: ShimClient,
): Promise<void> {
  // Others depend on the shim of a group: it is given all the time that a call may take.
  const own = record.group === undefined;
  const options = own ? { signal: AbortSignal.timeout(FORCE_AFTER) } : {};
  await client.call("shim.connect", {}, options);
}

async function killAll(
  { bundle: { id }, context, processes }: ContainerParts,
  client: ShimClient,
  options: ShimCallOptions,
): Promise<void> {
  try {
    await client.call("shim.kill", { signal: SIGKILL, all: true }, options);
  } catch (error) {
    // It exited by itself in the meantime.
    if (!(error instanceof NotFoundError)) throw error;
  }
  const signal = AbortSignal.timeout(context.timeouts.runtime);
  try {
    await processes.wait(id, undefined, signal);
  } catch (error) {
    throw new DeadlineExceededError(`container ${id} does not die of SIGKILL`, {
      cause: error,
      data: { id },
    });
  }
}
