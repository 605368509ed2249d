// SPDX-License-Identifier: MIT
// Removes containers with the files that the command line made for them.
import { filePath } from "../../oci/bundle_layout.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { formerLogPath, logDir } from "../../oci/log_layout.ts";
import { ownDirs, removeOwnDir } from "../../oci/own_dirs_layout.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import type { ContainerState, Removal } from "../../rpc/contract/schemas.ts";
import { printStderr } from "../text/print.ts";
import { findState } from "../common/containers.ts";
import type { DaemonConnection } from "../common/daemon.ts";
import { ioDir, isOwnIoDir } from "./io_dir.ts";
import { orphansOf } from "./container_dirs.ts";
import { OrphanRemoval } from "./orphan_removal.ts";

/** Deletes a container and what the command line has made beside it: FIFOs, overlay, volumes. */
export async function removeWithFiles(
  daemon: DaemonConnection,
  root: string,
  id: string,
  force: boolean,
): Promise<void> {
  const state = await daemon.callAcrossRestarts("container.state", { id });
  await removeState(daemon, root, state, force);
}

/** The members of a state that `--rm` keeps from the beginning, for the container may be gone at its end. */
export type ContainerRef = Pick<
  ContainerState,
  "id" | "instance" | "createdAt" | "stdin" | "stdout" | "stderr" | "labels"
>;

/**
 * Removes the one container that was made, as {@linkcode removeWithFiles} does. The daemon may have
 * deleted it already, because its shim died. Another container that has its id by now stays.
 */
export async function removeInstance(
  daemon: DaemonConnection,
  root: string,
  made: ContainerRef,
  force: boolean,
): Promise<void> {
  const state = await findState(daemon, made.id);
  if (state?.instance === made.instance) return await removeState(daemon, root, state, force);
  // It was started again: it needs what was made for it, which the daemon then removes.
  if (state?.createdAt === made.createdAt) return;
  removeLeftovers(root, made, { log: state === undefined });
}

async function removeState(
  daemon: DaemonConnection,
  root: string,
  state: ContainerState,
  force: boolean,
): Promise<void> {
  const { id, instance } = state;
  try {
    const removed = await daemon.callAcrossRestarts("container.delete", {
      id,
      instance,
      ...(force && { force }),
    });
    printLeft(id, removed);
  } catch (error) {
    // Another client was faster, or the daemon went away after it had done it.
    if (!(error instanceof NotFoundError)) throw error;
    const now = await findState(daemon, id);
    // A restart that was under way has made it another instance, which has the same files.
    if (now?.createdAt === state.createdAt) return await removeState(daemon, root, now, force);
    return removeLeftovers(root, state, { log: now === undefined });
  }
  removeLeftovers(root, state);
}

/** Reports on stderr what could not be removed with a container. */
function printLeft(id: string, { networkLeft }: Removal): void {
  if (networkLeft === undefined) return;
  printStderr(
    `berth: ${id} is removed, but not its network: ${networkLeft}; its addresses, ports and firewall ` +
      "rules are left, and the daemon goes on trying",
  );
}

/**
 * Removes what the command line made beside a container: its FIFOs, its overlay, and its log if that is
 * of an early berth, but not where another container has its id by now. The daemon removes its
 * other logs. `state` is the container's as it was before the delete. Nothing outside `root` is touched,
 * whatever a label says, but for FIFOs of this user's own. What this user may not remove is told and
 * stays.
 */
export function removeLeftovers(
  root: string,
  state: ContainerRef,
  what: { readonly log: boolean } = { log: true },
): void {
  const { id } = state;
  const log = formerLogPath(root, id);
  if (what.log && filePath(state.stdout) === log) unlessRefused(log, () => removeFile(log));
  const io = ioDir(root, state);
  const dirs = new Set(ownDirs(root, state));
  if (io !== undefined && isOwnIoDir(root, io)) dirs.add(io);
  for (const dir of dirs) unlessRefused(dir, () => removeOwnDir(dir));
}

/**
 * Removes what is there of an id that no container has: cancels a create, whose command then removes its
 * files, and removes the leftovers of a container that is gone. Returns whether there was anything.
 */
export async function clearId(
  daemon: DaemonConnection,
  root: string,
  id: string,
): Promise<boolean> {
  const before = orphansOf(root, id);
  using removal = new OrphanRemoval(before.filter((path) => path !== logDir(root, id)));
  try {
    printLeft(id, await daemon.callAcrossRestarts("container.delete", { id, force: true }));
    return true;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  for (const path of before) unlessRefused(path, () => removal.remove(path));
  const left = orphansOf(root, id);
  return before.some((path) => !left.includes(path));
}

function unlessRefused(path: string, remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    printStderr(`berth: ${path} stays: only root may remove it`);
  }
}
