// SPDX-License-Identifier: MIT
import { filePath } from "../../oci/bundle.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import type { ContainerState } from "../../rpc/schemas.ts";
import { say } from "../text/print.ts";
import type { Daemon } from "./daemon.ts";
import { ioPlace, isOwnIoPlace } from "./io_place.ts";
import { isPlace, logPath, OVERLAY_LABEL, removeLog, removePlace } from "./places.ts";

/** Deletes a container and what the command line has made beside it: log, FIFOs, overlay. */
export async function removeContainer(
  daemon: Daemon,
  root: string,
  id: string,
  force: boolean,
): Promise<void> {
  const state = await daemon.callAcrossRestarts("container.state", { id });
  await removeState(daemon, root, state, force);
}

/**
 * The same for `--rm`, of the one container of this instance: it may be gone already, and another
 * one that has its id by now stays.
 */
export async function removeInstance(
  daemon: Daemon,
  root: string,
  id: string,
  instance: string,
  force: boolean,
): Promise<void> {
  const state = await stateOf(daemon, id, instance);
  if (state) await removeState(daemon, root, state, force);
}

/** The state of the container of this instance; undefined when it is gone. */
export async function stateOf(
  daemon: Daemon,
  id: string,
  instance: string,
): Promise<ContainerState | undefined> {
  try {
    const state = await daemon.callAcrossRestarts("container.state", { id });
    return state.instance === instance ? state : undefined;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

async function removeState(
  daemon: Daemon,
  root: string,
  state: ContainerState,
  force: boolean,
): Promise<void> {
  const { id, instance } = state;
  try {
    await daemon.callAcrossRestarts("container.delete", { id, instance, ...(force && { force }) });
  } catch (error) {
    // Somebody else was faster, or the daemon went away after it had done it.
    if (!(error instanceof NotFoundError)) throw error;
    // Another one that has its id by now has the log, too.
    if (await isTaken(daemon, id)) return removeLeftovers(root, state, { log: false });
  }
  removeLeftovers(root, state);
}

async function isTaken(daemon: Daemon, id: string): Promise<boolean> {
  const { containers } = await daemon.callAcrossRestarts("container.list", {});
  return containers.some((container) => container.id === id);
}

/**
 * Removes what the command line made beside a container: its log, unless that is not to be, FIFOs and
 * overlay. `state` is the container's as it was before the delete. Nothing outside `root` is
 * touched, whatever a label says, but for FIFOs of this user's own. What this user may not remove is
 * told and stays.
 */
export function removeLeftovers(
  root: string,
  state: ContainerState,
  what: { readonly log: boolean } = { log: true },
): void {
  const { id, labels: { [OVERLAY_LABEL]: overlay } } = state;
  const log = filePath(state.stdout);
  if (what.log && log === logPath(root, id)) unlessRefused(log, () => removeLog(root, id));
  const io = ioPlace(root, state);
  if (io !== undefined && isOwnIoPlace(root, io)) unlessRefused(io, () => removePlace(io));
  if (overlay !== undefined && isPlace(root, "overlay", id, overlay)) {
    unlessRefused(overlay, () => removePlace(overlay));
  }
}

function unlessRefused(path: string, remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    say(`berth: ${path} stays: only root may remove it`);
  }
}
