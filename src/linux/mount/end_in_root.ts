// SPDX-License-Identifier: MIT
import { fdPath } from "../fd/fd.ts";
import { pathNames } from "../fs/path_names.ts";
import { leadsNowhere } from "../libc/errno.ts";
import { MAX_LINKS, openInRoot } from "./open_in_root.ts";

/** Returns where a path leads in a root, without links, there or not; itself if that is in a circle. */
export function endInRoot(root: string, path: string): string {
  return followLinks(path, (parent, name) => linkTargetInRoot(root, parent, name)) ?? path;
}

/**
 * Returns where a path leads, without links, there or not; undefined if that is in a circle.
 *
 * @param linkTarget returns the target of a link in a directory; undefined if it is none.
 */
export function followLinks(
  path: string,
  linkTarget: (parent: string, name: string) => string | undefined,
): string | undefined {
  const pending = pathNames(path).reverse();
  let inside: string[] = [];
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "..") {
      inside.pop();
      continue;
    }
    const target = linkTarget(`/${inside.join("/")}`, name);
    if (target === undefined) {
      inside.push(name);
      continue;
    }
    if (++links > MAX_LINKS) return undefined;
    if (target.startsWith("/")) inside = [];
    pending.push(...pathNames(target).reverse());
  }
  return `/${inside.join("/")}`;
}

/** Returns the target of a link in a directory of a root; undefined if it is none. */
export function linkTargetInRoot(root: string, parent: string, name: string): string | undefined {
  try {
    using dir = openInRoot(root, parent);
    const place = `${fdPath(dir.fd)}/${name}`;
    return Deno.lstatSync(place).isSymlink ? Deno.readLinkSync(place) : undefined;
  } catch (error) {
    if (leadsNowhere(error)) return undefined;
    throw error;
  }
}
