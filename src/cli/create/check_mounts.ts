// SPDX-License-Identifier: MIT
import { cleanPath, pathNames } from "../../linux/fs/path_names.ts";
import { ELOOP, isErrno, leadsNowhere } from "../../linux/libc/errno.ts";
import { endInRoot } from "../../linux/mount/end_in_root.ts";
import { openInRoot } from "../../linux/mount/open_in_root.ts";
import { CliError } from "../common/exit_status.ts";
import { isRefused } from "../container/io_dir.ts";
import type { MountOption } from "../options/mounts.ts";

/** The device number of `/dev/null`, 1:3 (the kernel's admin-guide/devices.txt). */
const NULL_DEVICE = 0x103;

/** What each container has of the kernel's own, mounted over what is in its root filesystem. */
const KERNEL_DIRS = ["proc", "sys", "dev"];

/**
 * Checks that mounts which the user asks for lead to where they can be mounted. Of a place below another
 * mount nothing is known, nor of one that this user may not see.
 *
 * @throws {CliError} naming the mount.
 */
export function checkMounts(rootfs: string, mounts: readonly MountOption[]): void {
  const places = mounts.map(({ destination }) => cleanPath(destination));
  for (const [index, mount] of mounts.entries()) {
    const path = places[index] ?? "";
    const isBelow = places.some((other) => path.startsWith(`${other}/`));
    const fault = faultOf(mount, path, isBelow ? path : endOf(rootfs, path));
    if (fault === undefined) continue;
    const what = mount.type === "bind" ? mount.source : `a ${mount.type}`;
    throw new CliError(`cannot mount ${what} at ${mount.destination}: ${fault}`);
  }
}

/** @param end where the path leads in the container. */
function faultOf(mount: MountOption, path: string, end: string | undefined): string | undefined {
  if (end === undefined) return "it leads through links in a circle";
  // runc 1.1 takes what is there for the null device, and pipes, whose device number a file has too, for
  // opened on it: it then writes the container's output into the file.
  if (end === "/dev/null" && !isNullDevice(mount)) {
    return `${end === path ? "that" : `it leads to ${end}, which`} has to be the null device`;
  }
  if (end === path) return undefined;
  const [first = "", ...below] = pathNames(end);
  const isKernels = first === "" || first === "proc" ||
    (KERNEL_DIRS.includes(first) && below.length === 0);
  return isKernels ? `it leads through a link to ${end}, where nothing can be mounted` : undefined;
}

/** Returns where a path leads in a root; undefined where that is in a circle. */
function endOf(rootfs: string, path: string): string | undefined {
  const [first = ""] = pathNames(path);
  // Of these the root filesystem says nothing.
  if (KERNEL_DIRS.includes(first)) return path;
  try {
    const end = endInRoot(rootfs, path);
    using _there = openInRoot(rootfs, path);
    return end;
  } catch (error) {
    if (isErrno(error, ELOOP)) return undefined;
    if (leadsNowhere(error)) return endInRoot(rootfs, path);
    // It is not for this user to see.
    if (isRefused(error)) return path;
    throw error;
  }
}

function isNullDevice({ type, source }: MountOption): boolean {
  if (type !== "bind") return false;
  try {
    const { isCharDevice, rdev } = Deno.statSync(source);
    return isCharDevice === true && rdev === NULL_DEVICE;
  } catch {
    // It has gone since it was looked for, or is not for this user to see.
    return false;
  }
}
