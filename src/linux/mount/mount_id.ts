// SPDX-License-Identifier: MIT
// Tells mounts apart by the fds that are on them.
import { fdPath, O_NOFOLLOW, O_PATH, open, OwnedFd } from "../fd/fd.ts";

/**
 * Returns the id of the mount that an fd is on (proc(5), `/proc/pid/fdinfo`).
 *
 * @param pid The process that has the fd; this one if left out.
 * @throws Deno.errors.NotFound if there is no such fd.
 */
export function mountIdOf(fd: number, pid: number | "self" = "self"): number {
  const info = Deno.readTextFileSync(`/proc/${pid}/fdinfo/${fd}`);
  return Number(/^mnt_id:\s+(\d+)/m.exec(info)?.[1]);
}

/**
 * Reports whether an entry of a directory is a mount point.
 *
 * The directory may be of another mount namespace. The kernel says EBUSY for the mount points of the
 * caller's own alone; it lets the entry be removed and detaches the mounts of all other namespaces.
 *
 * @param dir The directory, an fd that may be O_PATH.
 * @throws LinuxError if nothing is there.
 */
export function isMountPoint(dir: number, name: string): boolean {
  using entry = new OwnedFd(open(`${fdPath(dir)}/${name}`, O_PATH | O_NOFOLLOW));
  return mountIdOf(entry.fd) !== mountIdOf(dir);
}
