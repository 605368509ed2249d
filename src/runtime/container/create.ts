// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { BerthError, UnavailableError } from "../../rpc/errors.ts";
import type { ContainerParts } from "./parts.ts";
import type { ContainerDeletion } from "./deletion.ts";
import { answered, isWedged } from "../shims/errors.ts";
import { waitUntilCreated } from "./wait_until_created.ts";

/**
 * Gives the bundle a shim and creates the container in it. Rolls everything back when it throws: no
 * shim, no runtime state, no mount, no directory. The caller holds the container's lock.
 *
 * @throws {BerthError} what the shim or the runtime has failed with.
 */
export async function createContainer(
  parts: ContainerParts,
  deletion: ContainerDeletion,
): Promise<void> {
  try {
    const client = await parts.connection.attach();
    await Promise.all([
      client.call("shim.events", { after: 0 }),
      client.call("shim.create", {}),
    ]);
    parts.cgroup.resolveLater();
  } catch (error) {
    await rollBack(parts, deletion, error);
    throw error;
  }
}

/**
 * Never throws: where something cannot be undone now, the id stays taken by a container that is
 * being cleaned up until it is.
 */
async function rollBack(
  parts: ContainerParts,
  deletion: ContainerDeletion,
  cause: unknown,
): Promise<void> {
  const { bundle, context, connection, cleanup } = parts;
  try {
    if (await undoneByShim(parts, cause)) {
      await connection.detach();
      if (cause instanceof BerthError && cause.data["undone"] === false) {
        await cleanup.deleteFromRuntime();
      }
    } else {
      connection.close();
      await cleanup.destroy();
    }
    await cleanup.removeBundle();
  } catch (error) {
    getLogger(["berth", "container"]).error(
      "{id}: its create has failed and cannot be undone yet: {reason}",
      { id: bundle.id, reason: error instanceof Error ? error.message : String(error) },
    );
    context.onCleanupPending(bundle);
    deletion.removeInBackground();
  }
}

/** Whether the shim is well and has undone of a failed create what it could. */
async function undoneByShim(parts: ContainerParts, cause: unknown): Promise<boolean> {
  const { client } = parts.connection;
  if (client === undefined || isWedged(cause) || !(cause instanceof BerthError)) return false;
  if (answered(cause)) return true;
  if (cause instanceof UnavailableError) return false;
  // It was the runtime that took too long. Other containers may depend on this shim.
  try {
    return (await waitUntilCreated(parts, client, 0)).status === "none";
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    return false;
  }
}
