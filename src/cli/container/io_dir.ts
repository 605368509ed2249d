// SPDX-License-Identifier: MIT
// The directories of containers' FIFOs.
import { parentDir } from "../../linux/fs/path_names.ts";
import { FileLock } from "../../linux/fd/file_lock.ts";
import { isRefused } from "../../linux/libc/errno.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { CliError } from "../common/exit_status.ts";
import { createDir } from "./container_dirs.ts";

/** How the directories in /tmp are called that hold FIFOs. */
const TEMPORARY = "/tmp/berth-io-";

/**
 * Makes a directory for the FIFOs of one container: below `root`, or, for users that may not write
 * there, in a directory of their own. `held` is that of {@linkcode createDir}.
 */
export function createIoDir(root: string, id: string, held: DisposableStack): string {
  const runtimeDir = Deno.env.get("XDG_RUNTIME_DIR");
  for (const parent of [root, ...(runtimeDir?.startsWith("/") ? [`${runtimeDir}/berth`] : [])]) {
    try {
      return createDir(parent, "io", id, held);
    } catch (error) {
      if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    }
  }
  const slash = TEMPORARY.lastIndexOf("/");
  const parent = Deno.makeTempDirSync({
    dir: TEMPORARY.slice(0, slash),
    prefix: TEMPORARY.slice(slash + 1),
  });
  Deno.mkdirSync(`${parent}/${id}`, { mode: 0o700 });
  return `${parent}/${id}`;
}

/**
 * Returns the directory that holds a container's FIFOs; none where others than berth have made
 * them.
 */
export function ioDir(
  root: string,
  state: Pick<ContainerState, "id" | "stdin" | "stdout">,
): string | undefined {
  const { id } = state;
  const isBelow = (path: string) =>
    path.startsWith(`${root}/io/${id}/`) && !path.split("/").includes("..");
  const fifo = [state.stdin, state.stdout].find((path) => isBelow(path) || isOutside(root, path));
  return fifo && parentDir(fifo);
}

/**
 * Returns whether this user may take away a directory of FIFOs: outside of `root` only its owner
 * does.
 */
export function isOwnIoDir(root: string, dir: string): boolean {
  if (dir.startsWith(`${root}/`)) return true;
  try {
    const { isDirectory, uid } = Deno.lstatSync(dir);
    return isDirectory && uid === Deno.uid();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}

/**
 * Returns whether the path is that of a FIFO which {@linkcode createIoDir} put outside of the root. The
 * id in it is the container's first one: a rename moves nothing there.
 */
function isOutside(root: string, path: string): boolean {
  const parts = path.split("/");
  if (parts.includes("..") || path.startsWith(`${root}/`)) return false;
  if (path.startsWith(TEMPORARY)) return parts.length === 5;
  // <XDG_RUNTIME_DIR>/berth/io/<id>/<random>/<name>
  return parts.slice(-5, -3).join("/") === "berth/io";
}

/**
 * Locks the directory of a container's FIFOs for their reader: two readers would each get a part
 * of the output. Throws a {@linkcode CliError} when there is another, or it is another user's.
 */
export function lockIoDir(id: string, dir: string): FileLock {
  let lock: FileLock | undefined;
  try {
    lock = FileLock.tryLock(`${dir}/reader.lock`);
  } catch (error) {
    if (!isRefused(error)) throw error;
    throw new CliError(
      `cannot attach to ${id}: only the user who created it, and root, may do that`,
      { cause: error },
    );
  }
  if (!lock) throw new CliError(`cannot attach to ${id}: another command is attached to it`);
  return lock;
}
