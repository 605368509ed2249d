// SPDX-License-Identifier: MIT
import { isRefused } from "../../linux/libc/errno.ts";
import { isNullDevice } from "../../linux/fs/device_numbers.ts";
import { cleanPath, pathNames } from "../../linux/fs/path_names.ts";
import { followLinks, linkTargetInRoot } from "../../linux/mount/end_in_root.ts";
import { KERNEL_DIRS } from "../../oci/kernel_dirs.ts";
import { CliError } from "../common/exit_status.ts";
import type { MountOption } from "../options/mounts/mount_option.ts";

/**
 * Checks that mounts which the user asks for lead to where they can be mounted.
 *
 * @throws {CliError} naming the mount.
 */
export function checkMounts(rootfs: string, mounts: readonly MountOption[]): void {
  let roots = rootsBefore(rootfs);
  for (const mount of inOrder(mounts)) {
    const path = cleanPath(mount.destination);
    const end = endIn(roots, path);
    const fault = faultOf(mount, path, end);
    roots = withMount(roots, mount, end);
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
  if (end === "/dev/null" && !bindsNullDevice(mount)) {
    return `${end === path ? "that" : `it leads to ${end}, which`} has to be the null device`;
  }
  if (end === path) return undefined;
  const [first = "", ...below] = pathNames(end);
  const isKernels = first === "" || first === "proc" ||
    (KERNEL_DIRS.includes(first) && below.length === 0);
  return isKernels ? `it leads through a link to ${end}, where nothing can be mounted` : undefined;
}

/**
 * Returns where a path leads in a container that has these mounts; undefined where that is in a circle.
 * A path that this user may not see is taken for no link.
 */
export function endInContainer(
  rootfs: string,
  mounts: readonly MountOption[],
  path: string,
): string | undefined {
  let roots = rootsBefore(rootfs);
  for (const mount of inOrder(mounts)) {
    roots = withMount(roots, mount, endIn(roots, cleanPath(mount.destination)));
  }
  return endIn(roots, path);
}

/** Returns mounts in the order in which they are made: as docker has it, one below another comes after it. */
export function inOrder<Mount extends Pick<MountOption, "destination">>(
  mounts: readonly Mount[],
): Mount[] {
  return mounts.toSorted((one, other) =>
    pathNames(one.destination).length - pathNames(other.destination).length
  );
}

/** A place in a container and its source; nothing is known of a place without one. */
interface MountedRoot {
  /** Where it is, without links; empty for the root. */
  readonly place: string;
  readonly source: string | undefined;
}

/** Returns what is in a container before its mounts: of the kernel's own the root filesystem says nothing. */
function rootsBefore(rootfs: string): readonly MountedRoot[] {
  return [
    { place: "", source: rootfs },
    ...KERNEL_DIRS.map((name) => ({ place: `/${name}`, source: undefined })),
  ];
}

/** Returns the roots with a mount that is made where its path leads; of two at one place the later is seen. */
function withMount(
  roots: readonly MountedRoot[],
  { type, source }: MountOption,
  end: string | undefined,
): readonly MountedRoot[] {
  if (end === undefined) return roots;
  const place = end === "/" ? "" : end;
  return [
    ...roots.filter((other) => other.place !== place),
    { place, source: type === "bind" ? source : undefined },
  ];
}

/** Returns where a path leads among these roots; undefined where that is in a circle. */
function endIn(roots: readonly MountedRoot[], path: string): string | undefined {
  return followLinks(path, (parent, name) => {
    const around = roots.filter(({ place }) => `${parent}/`.startsWith(`${place}/`));
    const root = around.toSorted((one, other) => other.place.length - one.place.length)[0];
    if (root?.source === undefined) return undefined;
    try {
      return linkTargetInRoot(root.source, parent.slice(root.place.length), name);
    } catch (error) {
      if (isRefused(error)) return undefined;
      throw error;
    }
  });
}

function bindsNullDevice({ type, source }: MountOption): boolean {
  if (type !== "bind") return false;
  try {
    return isNullDevice(Deno.statSync(source));
  } catch {
    // It has gone since it was looked for, or is not for this user to see.
    return false;
  }
}
