// SPDX-License-Identifier: MIT
import { EBUSY, EINVAL, ENOENT, isErrno } from "../linux/libc/errno.ts";
import { mount, mountsUnder, unmount } from "../linux/mount/mount.ts";
import { secureJoin } from "../linux/mount/secure_join.ts";
import { sleep } from "../linux/event_loop/timer.ts";
import type { RootfsMountRecord } from "../oci/bundle_layout.ts";
import { FailedPreconditionError } from "../rpc/errors.ts";

/**
 * How often, and how long apart in milliseconds, a busy mount is tried again: the last process of a
 * container can be gone a moment before the kernel lets go of its files.
 */
const BUSY_TRIES = [1, 2, 5, 10, 20, 50, 100, 200, 400];

/**
 * Makes a rootfs under `rootfs` of its mounts, in order. Nothing stays mounted if one fails.
 *
 * @throws {FailedPreconditionError} naming the mount and why it failed.
 */
export async function mountRootfs(
  id: string,
  rootfs: string,
  mounts: readonly RootfsMountRecord[],
): Promise<void> {
  for (const { type, source, target, options } of mounts) {
    try {
      mount({
        type,
        source,
        target: target === undefined
          ? rootfs
          // A file can only be bound over a file.
          : secureJoin(rootfs, target, { file: isFile(source) }),
        options: options ?? [],
      });
    } catch (error) {
      await unmountRootfs(id, rootfs, mounts);
      const message = error instanceof Error ? error.message : String(error);
      throw new FailedPreconditionError(
        `cannot mount the rootfs of container ${id}: ${message}`,
        { cause: error, data: { id, source, type } },
      );
    }
  }
}

function isFile(source: string): boolean {
  try {
    return source.startsWith("/") && !Deno.statSync(source).isDirectory;
  } catch (error) {
    // What is mounted there need not be a path at all; if it has to be, mount(2) says so.
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Unmounts the rootfs that was made of `mounts`, and whatever else is mounted under it.
 *
 * @throws {FailedPreconditionError} naming a mount that stays busy; nothing is forced.
 */
export async function unmountRootfs(
  id: string,
  rootfs: string,
  mounts: readonly RootfsMountRecord[],
): Promise<void> {
  if (mounts.length === 0) return;
  const nested = mounts.some(({ target }) => target !== undefined);
  if (nested || !unmountFlat(rootfs)) await unmountAll(id, rootfs);
}

/**
 * Unmounts what is mounted at `rootfs` itself and says whether that was all of it. It spares the
 * look at the mount table, which grows with the number of containers.
 */
function unmountFlat(rootfs: string): boolean {
  try {
    for (;;) unmount(rootfs);
  } catch (error) {
    // EBUSY: something is mounted below it, or somebody is in it.
    if (isErrno(error, EBUSY)) return false;
    // Not a mount point (any more), or not there.
    if (isErrno(error, EINVAL, ENOENT)) return true;
    throw error;
  }
}

/** Unmounts everything at and under `rootfs`, the deepest first. */
async function unmountAll(id: string, rootfs: string): Promise<void> {
  for (const target of mountsUnder(rootfs)) {
    for (const delay of [...BUSY_TRIES, undefined]) {
      try {
        unmount(target);
        break;
      } catch (error) {
        if (!isErrno(error, EBUSY)) throw error;
        if (delay === undefined) {
          throw new FailedPreconditionError(
            `cannot unmount ${target} of container ${id}: it is busy`,
            { cause: error, data: { id, target } },
          );
        }
        await sleep(delay);
      }
    }
  }
}
