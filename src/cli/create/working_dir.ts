// SPDX-License-Identifier: MIT
import { fdPath } from "../../linux/fd/fd.ts";
import { cleanPath, pathNames } from "../../linux/fs/path_names.ts";
import { leadsNowhere } from "../../linux/libc/errno.ts";
import { openInRoot } from "../../linux/mount/open_in_root.ts";

/** Directories at the root that each container has, whatever is in its root filesystem. */
const MADE = ["dev", "etc", "proc", "sys"];

/** As many links as the kernel follows in one path. */
const MAX_LINKS = 40;

/** Names of a path that is looked at; a deeper one takes too long, as each is looked up from the root. */
const MAX_DEPTH = 100;

/**
 * Returns why a runtime cannot make a working directory in a root filesystem: a file or a link that
 * leads nowhere is in the way. Undefined if it can, and where that depends on what is mounted:
 * `mountPoints` are the paths of mounts.
 */
export function workingDirFault(
  rootfs: string,
  path: string,
  mountPoints: readonly string[],
): string | undefined {
  const mounted = new Set(mountPoints.map(firstName));
  let parent = "";
  for (const name of pathNames(cleanPath(path)).slice(0, MAX_DEPTH)) {
    const place = `${parent}/${name}`;
    const kind = kindOf(rootfs, parent, name);
    if (kind === "directory") {
      parent = place;
      continue;
    }
    if (kind === undefined) return undefined;
    const end = firstName(endOf(rootfs, place));
    if (mounted.has(firstName(place)) || mounted.has(end)) return undefined;
    if (kind === "file") {
      return place === cleanPath(path) ? "is a file in it" : `is below ${place}, a file in it`;
    }
    if (MADE.includes(end)) return undefined;
    return `leads through the link ${place}, which leads nowhere in it`;
  }
  return undefined;
}

/**
 * Returns what a name in a directory of the root filesystem leads to; `link` for one that leads
 * nowhere, and undefined where nothing is.
 */
function kindOf(
  rootfs: string,
  parent: string,
  name: string,
): "directory" | "file" | "link" | undefined {
  try {
    using found = openInRoot(rootfs, `${parent}/${name}`);
    const { isDirectory, isFile } = Deno.statSync(fdPath(found.fd));
    if (isDirectory) return "directory";
    // Else it may be the mark of a file that the layer removes.
    return isFile ? "file" : undefined;
  } catch (error) {
    if (!leadsNowhere(error)) throw error;
    return linkTarget(rootfs, parent, name) === undefined ? undefined : "link";
  }
}

/** Returns where a path leads, without links, there or not; itself if that is in a circle. */
function endOf(rootfs: string, path: string): string {
  const pending = pathNames(path).reverse();
  let inside: string[] = [];
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "..") {
      inside.pop();
      continue;
    }
    const target = linkTarget(rootfs, inside.join("/"), name);
    if (target === undefined) {
      inside.push(name);
      continue;
    }
    if (++links > MAX_LINKS) return path;
    if (target.startsWith("/")) inside = [];
    pending.push(...pathNames(target).reverse());
  }
  return `/${inside.join("/")}`;
}

/** Returns the target of a link in a directory of the root filesystem; undefined if it is none. */
function linkTarget(rootfs: string, parent: string, name: string): string | undefined {
  try {
    using dir = openInRoot(rootfs, parent);
    const place = `${fdPath(dir.fd)}/${name}`;
    return Deno.lstatSync(place).isSymlink ? Deno.readLinkSync(place) : undefined;
  } catch (error) {
    if (leadsNowhere(error)) return undefined;
    throw error;
  }
}

/** Returns the first name of a path; empty for the root. */
function firstName(path: string): string {
  return pathNames(cleanPath(path))[0] ?? "";
}
