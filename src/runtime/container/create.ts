// SPDX-License-Identifier: MIT
// Creates a container with its shim, and rolls a failed create back.
import { failpointAsync } from "../../failpoint.ts";
import {
  BerthError,
  DeadlineExceededError,
  RuntimeError,
  UnavailableError,
} from "../../rpc/errors.ts";
import type { ShimState } from "../../rpc/contract/shim.ts";
import type { ShimClient } from "../shims/shim_client.ts";
import { isShimResponse, isShimTimeout } from "../shims/shim_errors.ts";
import { occupiedParentError } from "../create/cgroup_claim.ts";
import type { NetworkPlan } from "../network/plan.ts";
import { backoff } from "../../linux/event_loop/backoff.ts";
import { logFailure } from "../util/log_failure.ts";
import { type ContainerParts, shimListener } from "./parts.ts";
import type { ContainerDeletion } from "./deletion.ts";
import { reapOrphanedCreate } from "./orphaned_create.ts";

/**
 * Makes the container's network, gives the bundle a shim and creates the container in it. Rolls
 * everything back when it throws: no shim, no runtime state, no mount, no network, no directory.
 * The caller holds the container's lock.
 *
 * @throws {BerthError} if a CNI plugin, the shim or the runtime fails, or the reason of a cancel.
 */
export async function createContainer(
  parts: ContainerParts,
  deletion: ContainerDeletion,
  network: NetworkPlan | undefined,
): Promise<void> {
  const { bundle, cgroup, context, creation: { signal }, life } = parts;
  try {
    if (network !== undefined) await context.networks.setUp(network);
    await failpointAsync("create.attach");
    signal.throwIfAborted();
    const client = await context.shims.attach(bundle, shimListener(parts));
    await failpointAsync("create.attached");
    await Promise.all([
      client.call("shim.events", { after: 0 }),
      client.call("shim.create", {}, { signal }),
    ]);
    await failpointAsync("create.created");
    life.finishCreate();
    cgroup.resolveLater();
  } catch (error) {
    await rollBack(parts, deletion, error);
    // This member is for shim and daemon alone; see `shim.create`.
    if (error instanceof BerthError) delete error.data["undone"];
    throw explained(parts, error);
  }
}

/**
 * Returns the error to throw: where a runtime complains of cgroups, the fault with them, if that is
 * known.
 */
function explained({ bundle: { id, record } }: ContainerParts, error: unknown): unknown {
  if (!(error instanceof RuntimeError) || !/cgroup/i.test(error.message)) return error;
  const path = record.cgroupsPath;
  if (path === undefined) return error;
  return occupiedParentError(id, path, { cause: error, data: error.data }) ?? error;
}

/**
 * Rolls a failed create back. Never throws: where something cannot be undone now, the id stays taken
 * by a container that is being cleaned up until it is.
 */
async function rollBack(
  parts: ContainerParts,
  deletion: ContainerDeletion,
  cause: unknown,
): Promise<void> {
  const { bundle, context, creation, life, cleanup } = parts;
  try {
    if (await undoneByShim(parts, cause)) {
      life.delete(undefined);
      await deletion.detachShim();
      // Of a create that was canceled or took too long the shim does not say what it has failed to undo:
      // nobody waits for its answer.
      const isUndone = !creation.signal.aborted && isShimResponse(cause) &&
        cause.data["undone"] !== false;
      if (!isUndone) await cleanup.deleteFromRuntime();
      await deletion.finish();
    } else {
      await deletion.cleanUpUncounted();
    }
  } catch (error) {
    logFailure(
      "error",
      "container",
      "{id}: its create has failed and cannot be undone yet: {reason}",
      error,
      { id: bundle.id },
    );
    context.owner.cleanupPending(bundle);
    deletion.cleanUpInBackground();
  }
}

/** Returns whether the shim is well and has undone its part of a failed create. */
async function undoneByShim(parts: ContainerParts, cause: unknown): Promise<boolean> {
  const { creation: { signal }, life: { client } } = parts;
  if (client === undefined || isShimTimeout(cause) || !(cause instanceof BerthError)) return false;
  if (!signal.aborted && isShimResponse(cause)) return true;
  if (cause instanceof UnavailableError) return false;
  // The runtime took too long, for itself or for the caller that has canceled the create. Other
  // containers may depend on this shim.
  try {
    const { status } = await waitUntilCreated(parts, client, { boundMs: 0 });
    // It was done just then.
    if (status === "created") await client.call("shim.delete", {});
    return status === "none" || status === "created";
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    return false;
  }
}

/** How {@linkcode waitUntilCreated} waits. */
export interface CreateWait {
  /** How long the runtime may take, in milliseconds; then it is killed. */
  readonly boundMs: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/**
 * Waits until the shim is not creating the container any more, and returns the shim's state.
 *
 * @throws {DeadlineExceededError} if the create does not end even so, or the shim is unresponsive.
 * @throws {UnavailableError} if the shim is gone, or its callers have given up.
 */
export async function waitUntilCreated(
  { bundle, context }: ContainerParts,
  client: ShimClient,
  { boundMs, signal }: CreateWait,
): Promise<ShimState> {
  const { answer } = context.timeouts;
  const begun = performance.now();
  for (const delay of backoff({ first: 10, most: 200 })) {
    const now = await client.call("shim.state", {}, signal === undefined ? {} : { signal });
    if (now.status !== "creating") return now;
    const waited = performance.now() - begun;
    // In every round, since the shim may call the runtime only now.
    if (waited >= boundMs) await reapOrphanedCreate(bundle, 0);
    if (waited >= boundMs + answer || !await delay(signal)) break;
  }
  throw new DeadlineExceededError(`container ${bundle.id}: its create does not end`, {
    data: { id: bundle.id },
  });
}
