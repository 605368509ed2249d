// SPDX-License-Identifier: MIT
import { EBUSY, isErrno } from "../linux/errno.ts";
import { mount, mountsUnder, unmount } from "../linux/mount.ts";
import { resolveIn } from "../linux/path_join.ts";
import type { RootfsMountRecord } from "../oci/bundle.ts";
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
        target: target === undefined ? rootfs : resolveIn(rootfs, target),
        options: options ?? [],
      });
    } catch (error) {
      await unmountRootfs(id, rootfs);
      const message = error instanceof Error ? error.message : String(error);
      throw new FailedPreconditionError(
        `cannot mount the rootfs of container ${id}: ${message}`,
        { cause: error, data: { id, source, type } },
      );
    }
  }
}

/**
 * Unmounts everything at and under `rootfs`, the deepest first.
 *
 * @throws {FailedPreconditionError} naming a mount that stays busy; nothing is forced.
 */
export async function unmountRootfs(id: string, rootfs: string): Promise<void> {
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
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
  }
}
