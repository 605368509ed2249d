// SPDX-License-Identifier: MIT
// Mounts, checks and unmounts a container's root filesystem.
import { EBUSY, EINVAL, ENOENT, isErrno, leadsNowhere } from "../linux/libc/errno.ts";
import { takeIdMaps } from "../linux/mount/idmapped.ts";
import { attachLoopDevice } from "../linux/fd/loop_device.ts";
import { mountInRoot, mountPrivate } from "../linux/mount/mount_in_root.ts";
import { splitOptions } from "../linux/mount/options.ts";
import { unmount, unmountAll, UnmountError } from "../linux/mount/unmount.ts";
import { backoff } from "../linux/event_loop/backoff.ts";
import { openUserNamespace } from "../linux/process/user_namespace.ts";
import { readJson } from "../oci/json_file.ts";
import type { BundlePaths } from "../oci/bundle_layout.ts";
import { FailedPreconditionError } from "../rpc/errors.ts";
import { messageOf } from "../error_text.ts";
import { asRecord } from "../rpc/is_record.ts";
import type { ProcessContext } from "./process/process_context.ts";

/**
 * Delays between attempts to unmount a busy mount, 0.9 s in all: the kernel can release the files of a
 * container's last process a moment after its exit.
 */
const BUSY = { first: 1, most: 400, attempts: 10 };

/** The option of a mount whose source is no device but a file. */
const LOOP = "loop";

/**
 * Mounts the parts of a container's rootfs, in order. If one fails, unmounts the others. The rootfs
 * is private, recursively, before anything is mounted on it: where `/` is shared, as systemd has it,
 * a mount with a target would else appear on the host and in every container with the same source.
 * The options `uidmap` and `gidmap` of a mount map the ids of its files: see `takeIdMaps`. With the option
 * `loop` the source is a file that holds a file system.
 *
 * @throws {FailedPreconditionError} naming the mount and why it failed.
 */
export async function mountRootfs(context: ProcessContext): Promise<void> {
  const { record: { id, rootfs: mounts }, paths: { rootfs }, reaper } = context;
  for (const [index, { type, source: file, target, ...mount }] of mounts.entries()) {
    try {
      const { options: given, maps } = takeIdMaps((mount.options ?? []).flatMap(splitOptions));
      const options = given.filter((option) => option !== LOOP);
      using loop = given.includes(LOOP)
        ? attachLoopDevice(file ?? "", given.includes("ro"))
        : undefined;
      const source = loop?.path ?? file;
      using namespace = maps === undefined ? undefined : await openUserNamespace(reaper, maps);
      const userNamespace = namespace?.fd;
      if (target === undefined) {
        mountPrivate({ type, source, target: rootfs, options, userNamespace });
        continue;
      }
      // A directory of the state directory's own mount has no propagation to set: so it becomes one.
      if (index === 0) mountPrivate({ type: "bind", source: rootfs, target: rootfs });
      const spec = { type, source, target, options, userNamespace };
      mountInRoot(rootfs, spec, `${rootfs}.staging`);
    } catch (error) {
      await unmountRootfs(context);
      const message = messageOf(error);
      throw new FailedPreconditionError(
        `cannot mount the rootfs of container ${id}: ${message}`,
        { cause: error, data: { id, source: file, type } },
      );
    }
  }
}

/**
 * Checks that `/dev` of the container's root filesystem, once that is mounted, is no symlink: runc makes
 * and removes files in there by a path that it has not resolved inside (setupPtmx, setupDevSymlinks of
 * 1.1), and so on the host.
 *
 * @throws {FailedPreconditionError} if it is one.
 */
export function checkDev({ record: { id, rootfs: mounts }, paths }: ProcessContext): void {
  const rootfs = mounts.length > 0 ? paths.rootfs : rootOf(paths);
  try {
    if (!Deno.lstatSync(`${rootfs}/dev`).isSymlink) return;
  } catch (error) {
    // Of a root filesystem that is none the runtime says what is wrong.
    if (leadsNowhere(error)) return;
    throw error;
  }
  throw new FailedPreconditionError(
    `cannot create container ${id}: /dev of its root filesystem is a symbolic link`,
    { data: { id } },
  );
}

/** Returns the root filesystem that the spec names: relative to the bundle, or anywhere on the host. */
function rootOf({ config, dir, rootfs }: BundlePaths): string {
  const path = asRecord(readJson<Record<string, unknown>>(config)?.["root"])?.["path"];
  if (typeof path !== "string") return rootfs;
  return path.startsWith("/") ? path : `${dir}/${path}`;
}

/**
 * Unmounts the rootfs that {@linkcode mountRootfs} has made, and whatever else is mounted under it.
 *
 * @throws {FailedPreconditionError} naming a mount that stays busy; nothing is forced.
 */
export async function unmountRootfs({ record, paths: { rootfs } }: ProcessContext): Promise<void> {
  if (record.rootfs.length === 0) return;
  const nested = record.rootfs.some(({ target }) => target !== undefined);
  if (nested || !unmountFlat(rootfs)) await unmountNested(record.id, rootfs);
}

/**
 * Unmounts everything that is mounted at `rootfs` itself. Returns whether nothing else is in the
 * way. This spares the look at the mount table, which grows with the number of containers.
 */
function unmountFlat(rootfs: string): boolean {
  try {
    for (;;) unmount(rootfs);
  } catch (error) {
    // EBUSY: something is mounted below it, or a process is in it.
    if (isErrno(error, EBUSY)) return false;
    // Not a mount point (any more), or not there.
    if (isErrno(error, EINVAL, ENOENT)) return true;
    throw error;
  }
}

/** Unmounts everything at and under `rootfs`; one that is busy, or was moved, is tried again. */
async function unmountNested(id: string, rootfs: string): Promise<void> {
  let busy: UnmountError | undefined;
  for (const delay of backoff(BUSY)) {
    try {
      return unmountAll(rootfs);
    } catch (error) {
      if (!(error instanceof UnmountError)) throw error;
      busy = error;
    }
    await delay();
  }
  throw new FailedPreconditionError(`container ${id}: ${busy?.message}`, {
    cause: busy,
    data: { id, target: busy?.mountPoint },
  });
}
