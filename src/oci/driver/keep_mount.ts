// SPDX-License-Identifier: MIT
// Keeps the options of the host's cgroup v2 while a program runs that may change them.
import { mount } from "../../linux/mount/mount.ts";
import { type MountInfo, readMountInfo } from "../../linux/mount/mountinfo.ts";
import { messageOf } from "../../error_text.ts";

/** Returns a mount of the host's cgroup v2, all of which have the same options; undefined without one. */
export function findCgroup2(): MountInfo | undefined {
  return readMountInfo().find(({ fsType, options }) =>
    // A read-only one would become writable with the others' options.
    fsType === "cgroup2" && options.startsWith("rw")
  );
}

/**
 * Does `work`, after which the file system of a mount has its options again. They are the same in each of
 * its mounts, and a program that mounts it for itself with others changes them: CRIU takes `nsdelegate`
 * and `memory_recursiveprot` from the host's cgroup v2, and so does a runtime that mounts it outside of a
 * cgroup namespace.
 *
 * @param log Takes a line for each failure beside the work's own.
 * @param find Returns the mount as it is before the work, or is to be after it.
 */
export async function keepMount<T>(
  work: () => Promise<T>,
  log: (line: string) => void,
  find = findCgroup2,
): Promise<T> {
  const attempt = <R>(step: () => R) => {
    try {
      return step();
    } catch (error) {
      return void log(`cannot keep the options of cgroup v2: ${messageOf(error)}`);
    }
  };
  const before = attempt(find);
  try {
    return await work();
  } finally {
    if (before) attempt(() => putBack(before));
  }
}

/** Gives the file system of a mount the options that it had when the mount was read. */
export function putBack(
  { fsType: type, source, mountPoint: target, superOptions }: MountInfo,
): void {
  const now = readMountInfo().findLast(({ mountPoint }) => mountPoint === target);
  // One that was made read-only meanwhile would become writable.
  if (now?.fsType !== type || !now.options.startsWith("rw")) return;
  // SELinux only shows that one.
  const shared = superOptions.split(",").filter((option) => option !== "seclabel");
  const left = now.superOptions.split(",");
  if (shared.every((option) => left.includes(option))) return;
  mount({ type, source, target, options: ["remount", ...now.options.split(","), ...shared] });
}
