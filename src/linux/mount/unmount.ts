// SPDX-License-Identifier: MIT
import { fdPath, O_DIRECTORY, O_PATH, OwnedFd } from "../fd/fd.ts";
import { ifThere } from "../fs/if_there.ts";
import { pathNames } from "../fs/path_names.ts";
import { check, cstring, lazyLibc } from "../libc/libc.ts";
import { readMountInfo, unmountOrder } from "./mountinfo.ts";
import { openEntry } from "./open_in_root.ts";

const libc = lazyLibc({
  umount2: {
    parameters: [/* const char *target */ "buffer", /* int flags */ "i32"],
    result: "i32",
  },
});

// umount2(2) flags, include/linux/fs.h.
const MNT_DETACH = 2, UMOUNT_NOFOLLOW = 8;

/** Whether {@linkcode unmount} also ends a mount that is in use. */
export interface UnmountOptions {
  /** Takes the mount out of sight at once and ends it when nobody uses it (MNT_DETACH). */
  readonly detach?: boolean;
}

/**
 * Unmounts the topmost mount at `target`; a symlink there is not followed, one on the way is: see
 * {@linkcode unmountBelow} for a path that a container can change.
 *
 * @throws LinuxError EBUSY while in use; EINVAL when nothing is mounted there; ENOENT
 */
export function unmount(target: string, options: UnmountOptions = {}): void {
  const flags = UMOUNT_NOFOLLOW | (options.detach ? MNT_DETACH : 0);
  const name = cstring(target);
  check(() => libc().umount2(name, flags), "umount", target);
}

/**
 * Returns the mount points at or below `dir`, in the order in which to unmount them; a path with
 * two mounts on each other is there twice. Empty where `dir` does not exist. Reads the whole mount
 * table.
 */
export function mountsUnder(dir: string): string[] {
  const real = ifThere(() => Deno.realPathSync(dir));
  return real === undefined ? [] : unmountOrder(readMountInfo(), real);
}

/**
 * Unmounts everything at and below `dir`, the deepest first, and stops at the first that resists.
 * No symlink below `dir` is followed: a container may put one in the place of a directory meanwhile,
 * and it would be the host's mount that goes.
 *
 * @throws UnmountError naming the mount point; it may be tried again
 */
export function unmountAll(dir: string, options: UnmountOptions = {}): void {
  for (const mountPoint of mountsUnder(dir)) {
    try {
      unmountBelow(Deno.realPathSync(dir), mountPoint, options);
    } catch (error) {
      throw new UnmountError(mountPoint, error);
    }
  }
}

/** A mount could not be taken away. Its cause says why: EBUSY, or what the path has become. */
export class UnmountError extends Error {
  override name = "UnmountError";
  /** The mount point that resisted. */
  readonly mountPoint: string;

  constructor(mountPoint: string, cause: unknown) {
    super(`cannot unmount ${mountPoint}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
    this.mountPoint = mountPoint;
  }
}

/** Unmounts `mountPoint`, which is `dir` or below it, as the kernel names it: without symlinks. */
function unmountBelow(dir: string, mountPoint: string, options: UnmountOptions): void {
  if (mountPoint === dir) return unmount(mountPoint, options);
  const names = pathNames(mountPoint.slice(dir.length));
  const last = names.pop() ?? "";
  let parent = OwnedFd.open(dir, O_PATH | O_DIRECTORY);
  try {
    for (const name of names) {
      const next = openEntry(parent.fd, name, mountPoint);
      parent[Symbol.dispose]();
      parent = next;
    }
    // Through a symlink's fd the kernel goes nowhere: ENOTDIR.
    unmount(`${fdPath(parent.fd)}/${last}`, options);
  } finally {
    parent[Symbol.dispose]();
  }
}
