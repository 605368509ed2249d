// SPDX-License-Identifier: MIT
import { FileLock } from "../../linux/dir_lock.ts";
import type { ContainerState } from "../../rpc/schemas.ts";
import { CliError } from "./exit_status.ts";

/** The label that keeps a container's command line, for `ps`. */
export const COMMAND_LABEL = "berth.command";
/** The label that says where a container's overlay keeps its upper and work directories. */
export const OVERLAY_LABEL = "berth.overlay";

/** Where the output of a detached container goes. */
export function logPath(root: string, id: string): string {
  return `${root}/logs/${id}.log`;
}

/** The file that a stdio target names, or undefined where it names none. */
export function filePath(target: string): string | undefined {
  return target.startsWith("file://") ? target.slice("file://".length) : undefined;
}

/**
 * Makes a directory for one container under `<root>/<kind>/<id>/`. Its last part is random: of two
 * commands that want one id at once, the one that loses must not touch what the other has made.
 */
export function makePlace(root: string, kind: "io" | "overlay", id: string): string {
  const parent = `${root}/${kind}/${id}`;
  Deno.mkdirSync(parent, { recursive: true, mode: 0o700 });
  return Deno.makeTempDirSync({ dir: parent });
}

/** Removes what {@linkcode makePlace} made, and its parent when nothing else is in it. */
export function removePlace(dir: string): void {
  removeIfThere(dir, true);
  try {
    Deno.removeSync(dir.slice(0, dir.lastIndexOf("/")));
  } catch {
    // Another container of this id has its own there, or the parent is gone already.
  }
}

/** Removes the log of a container, if it is there. */
export function removeLog(root: string, id: string): void {
  removeIfThere(logPath(root, id), false);
}

/**
 * Removes what the command line made beside a container: its log, FIFOs and overlay. `state` is the
 * container's as it was before the delete. Nothing outside `root` is touched, whatever a label says.
 */
export function removeLeftovers(root: string, state: ContainerState): void {
  if (filePath(state.stdout) === logPath(root, state.id)) removeLog(root, state.id);
  const io = ioPlace(root, state);
  if (io !== undefined) removePlace(io);
  const overlay = state.labels[OVERLAY_LABEL];
  if (overlay !== undefined && isPlace(root, "overlay", state.id, overlay)) removePlace(overlay);
}

/** The directory under `root` that holds a container's FIFOs; none where others have made them. */
export function ioPlace(root: string, state: ContainerState): string | undefined {
  const fifo = [state.stdin, state.stdout].find((path) => isPlace(root, "io", state.id, path));
  return fifo?.slice(0, fifo.lastIndexOf("/"));
}

/**
 * Locks the directory of a container's FIFOs for who reads them: two readers would each get a part
 * of the output. Throws a {@linkcode CliError} when there is another.
 */
export function lockPlace(id: string, dir: string): FileLock {
  const lock = FileLock.tryLock(`${dir}/reader.lock`);
  if (!lock) throw new CliError(`cannot attach to ${id}: another command is attached to it`);
  return lock;
}

/**
 * Removes every log, FIFO and overlay of an id of which there is no container any more. Answers
 * whether there was any: a container whose shim died is deleted by the daemon, which does not know
 * of these.
 */
export function removeOrphans(root: string, id: string): boolean {
  const places = [logPath(root, id), `${root}/io/${id}`, `${root}/overlay/${id}`];
  return places.filter((path) => removeIfThere(path, true)).length > 0;
}

function isPlace(root: string, kind: string, id: string, path: string): boolean {
  return path.startsWith(`${root}/${kind}/${id}/`) && !path.split("/").includes("..");
}

function removeIfThere(path: string, recursive: boolean): boolean {
  try {
    Deno.removeSync(path, { recursive });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
