// SPDX-License-Identifier: MIT
import { fdPath } from "../../linux/fd/fd.ts";
import { WHITEOUT } from "../../linux/fs/device_numbers.ts";
import { cleanPath, pathNames } from "../../linux/fs/path_names.ts";
import { leadsNowhere } from "../../linux/libc/errno.ts";
import { endInRoot, linkTargetInRoot } from "../../linux/mount/end_in_root.ts";
import { openInRoot } from "../../linux/mount/open_in_root.ts";
import { KERNEL_DIRS } from "../../oci/kernel_dirs.ts";

/** Directories at the root that each container has, whatever is in its root filesystem. */
const MADE = [...KERNEL_DIRS, "etc"];

/** Names of a path that is looked at; a deeper one takes too long, as each is looked up from the root. */
const MAX_DEPTH = 100;

/** The longest name in a directory, NAME_MAX of include/uapi/linux/limits.h, in bytes. */
const NAME_MAX = 255;

/**
 * Returns why a runtime cannot make a working directory in a root filesystem: a file or a link that
 * leads nowhere is in the way, or a name is too long. Undefined if it can, and where that depends on what
 * is mounted: `mountPoints` are the paths of mounts. In a volume is what the image has at its path, and
 * the runtime follows no link there to make a directory.
 */
export function workingDirFault(
  rootfs: string,
  path: string,
  mountPoints: readonly string[],
  volumes: readonly string[] = [],
): string | undefined {
  const names = pathNames(cleanPath(path));
  if (names.some((name) => new TextEncoder().encode(name).length > NAME_MAX)) {
    return `has a name of more than ${NAME_MAX} bytes`;
  }
  const mounted = new Set(mountPoints.map(firstName));
  let parent = "";
  for (const name of names.slice(0, MAX_DEPTH)) {
    const place = `${parent}/${name}`;
    const kind = kindOf(rootfs, parent, name);
    if (kind === "directory") {
      parent = place;
      continue;
    }
    if (kind === undefined) return undefined;
    const target = endInRoot(rootfs, place);
    const end = firstName(target);
    if (mounted.has(firstName(place)) || mounted.has(end)) return undefined;
    // The directory of a volume is made, with those above it.
    const ends = volumes.map((volume) => endInRoot(rootfs, cleanPath(volume)));
    if (ends.some((at) => `${at}/`.startsWith(`${target}/`))) return undefined;
    if (kind !== "link") {
      if (KERNEL_DIRS.includes(firstName(place))) return undefined;
      const what = kind === "file" ? "is a file" : "is no directory";
      return place === cleanPath(path) ? what : `is below ${place}, which ${what}`;
    }
    if (MADE.includes(end)) return undefined;
    return `leads through the link ${place}, which leads nowhere`;
  }
  return undefined;
}

/**
 * Returns what a name in a directory of the root filesystem leads to; `other` for a FIFO, a socket or a
 * device, `link` for one that leads nowhere, and undefined where nothing is.
 */
function kindOf(
  rootfs: string,
  parent: string,
  name: string,
): "directory" | "file" | "other" | "link" | undefined {
  try {
    using found = openInRoot(rootfs, `${parent}/${name}`);
    const { isDirectory, isFile, isCharDevice, rdev } = Deno.statSync(fdPath(found.fd));
    if (isDirectory) return "directory";
    if (isFile) return "file";
    return isCharDevice && rdev === WHITEOUT ? undefined : "other";
  } catch (error) {
    if (!leadsNowhere(error)) throw error;
    return linkTargetInRoot(rootfs, parent, name) === undefined ? undefined : "link";
  }
}

/** Returns the first name of a path; empty for the root. */
function firstName(path: string): string {
  return pathNames(cleanPath(path))[0] ?? "";
}
