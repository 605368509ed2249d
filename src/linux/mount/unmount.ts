// SPDX-License-Identifier: MIT
import { messageOf } from "../../error_text.ts";
import { fdPath, O_DIRECTORY, O_NOFOLLOW, O_PATH, OwnedFd } from "../fd/fd.ts";
import { ifThere } from "../fs/if_there.ts";
import { pathNames } from "../fs/path_names.ts";
import { EINVAL, EMFILE, ENFILE, ENOENT, isErrno } from "../libc/errno.ts";
import { check, cstring, lazyLibc } from "../libc/libc.ts";
import { callMount } from "./mount_call.ts";
import { isWithin, readMountInfo, sortMounts } from "./mountinfo.ts";
import { openEntry } from "./open_in_root.ts";
import { MS_PRIVATE, MS_REC } from "./options.ts";

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
  /**
   * Takes the mount out of sight at once, with those below it, and ends it when nobody uses it
   * (MNT_DETACH).
   */
  readonly detach?: boolean;
}

/**
 * Unmounts the topmost mount at `target`; a symlink there is not followed, one on the way is: see
 * {@linkcode unmountAll} for a path that a container can change. What is mounted below a peer of it
 * stays.
 *
 * @throws LinuxError EBUSY while in use; EINVAL when nothing is mounted there; ENOENT
 */
export function unmount(target: string, options: UnmountOptions = {}): void {
  // The mounts below go with it, and would go from its peers, too.
  if (options.detach) ifMounted(() => makePrivate(target, true));
  unmountOnly(target, options);
}

/** {@linkcode unmount} of what has no peers. */
function unmountOnly(target: string, { detach }: UnmountOptions): void {
  const name = cstring(target);
  const flags = UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0);
  check(() => libc().umount2(name, flags), "umount", target);
}

/**
 * Unmounts everything at and below `dir`, the deepest first, and stops at the first that resists.
 * No symlink below `dir` is followed: a container may put one in the place of a directory meanwhile,
 * and it would be the host's mount that goes. The mounts leave their peer groups first: what is mounted
 * below a peer, as the source of a bind mount with `rshared` is, stays. What has come to a peer from
 * a mount in `dir` goes from there, too.
 *
 * @throws UnmountError naming the mount point; it may be tried again
 */
export function unmountAll(dir: string, options: UnmountOptions = {}): void {
  const real = ifThere(() => Deno.realPathSync(dir));
  if (real === undefined) return;
  const { spread, others, hasPeers } = sortMounts(readMountInfo(), real);
  const attempt = (mountPoint: string, act: (path: string) => void, at = mountPoint) => {
    try {
      atBelow(Deno.realPathSync(dir), at, act);
    } catch (error) {
      throw new UnmountError(mountPoint, error);
    }
  };
  const end = (path: string) => unmountOnly(path, options);
  // One of them may go with another.
  for (const mountPoint of spread) attempt(mountPoint, (path) => ifMounted(() => end(path)));
  for (const mountPoint of others) {
    // Again for each: of those that are mounted on each other it reaches only the topmost.
    if (hasPeers) {
      attempt(
        mountPoint,
        (path) => makePrivate(path),
        others.findLast((other) => isWithin(mountPoint, other)),
      );
    }
    attempt(mountPoint, end);
  }
}

/** A mount could not be taken away. Its cause says why: EBUSY, or what the path has become. */
export class UnmountError extends Error {
  override name = "UnmountError";
  /** The mount point that resisted. */
  readonly mountPoint: string;

  constructor(mountPoint: string, cause: unknown) {
    super(`cannot unmount ${mountPoint}: ${messageOf(cause)}`, { cause });
    this.mountPoint = mountPoint;
  }
}

/**
 * Calls `act` with a path of `mountPoint`, which is `dir` or below it, as the kernel names it: without
 * symlinks.
 */
function atBelow(dir: string, mountPoint: string, act: (path: string) => void): void {
  if (mountPoint === dir) return act(mountPoint);
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
    act(`${fdPath(parent.fd)}/${last}`);
  } finally {
    parent[Symbol.dispose]();
  }
}

/**
 * Takes the topmost mount at `target`, and all below it, out of their peer groups; a symlink there is
 * not followed. An unmount otherwise reaches the peers of the mount that it happens on
 * (mount_namespaces(7)).
 *
 * @param byPath where there is no fd to be had, by the path: for one that nobody else can change.
 * @throws LinuxError EINVAL when nothing is mounted there; ENOENT
 */
function makePrivate(target: string, byPath = false): void {
  using place = byPath ? openUnlessFull(target) : OwnedFd.open(target, O_PATH | O_NOFOLLOW);
  const path = place === undefined ? target : fdPath(place.fd);
  callMount({ target: path, flags: MS_REC | MS_PRIVATE }, "make private", target);
}

/** Opens a path to name it; undefined where this process, or the machine, has no fd left. */
function openUnlessFull(target: string): OwnedFd | undefined {
  try {
    return OwnedFd.open(target, O_PATH | O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, EMFILE, ENFILE)) return undefined;
    throw error;
  }
}

/** Does `step`; no error where nothing is mounted. */
function ifMounted(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!isErrno(error, EINVAL, ENOENT)) throw error;
  }
}
