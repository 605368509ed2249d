// SPDX-License-Identifier: MIT
// Makes the anonymous volumes of a container.
import { fdPath } from "../../linux/fd/fd.ts";
import { pathNames } from "../../linux/fs/path_names.ts";
import { ELOOP, ENOENT, ENOTDIR, isErrno } from "../../linux/libc/errno.ts";
import { endInRoot } from "../../linux/mount/end_in_root.ts";
import { openInRoot } from "../../linux/mount/open_in_root.ts";
import { KERNEL_DIRS } from "../../oci/kernel_dirs.ts";
import type { HostUser } from "../../oci/bundle_layout.ts";
import { hostId, type UserNamespace } from "../../oci/user_namespace/id_mapping.ts";
import { ImageError } from "../../images/image_errors.ts";
import { spawnProgram } from "../../images/spawn_program.ts";
import { CliError } from "../common/exit_status.ts";
import type { MountOption } from "../options/mounts/mount_option.ts";

/** An anonymous volume that is to be made. */
export interface Volume {
  /** Where it is in the container. */
  readonly destination: string;
  /** Options of its mount; `rbind` and `rprivate` if left out. */
  readonly options?: readonly string[];
  /** Whether the image asks for it, and not the user. */
  readonly ofImage?: boolean;
}

/**
 * Makes anonymous volumes below `dir`, and returns their bind mounts. As docker does it, a volume begins
 * with the directory that the root filesystem has at its place; where that has none, it is an empty
 * directory of the container's user, the `owner`.
 *
 * @throws {ImageError} for a volume of the image that is a file, all of it, or hides the kernel's files.
 * @throws {CliError} for such a volume of the user's.
 */
export async function makeVolumes(
  dir: string,
  rootfs: string,
  volumes: readonly Volume[],
  owner: HostUser,
): Promise<MountOption[]> {
  const mounts: MountOption[] = [];
  for (const [index, volume] of volumes.entries()) {
    const { destination, options = ["rbind", "rprivate"] } = volume;
    checkPlace(rootfs, volume);
    const source = `${dir}/${index}`;
    Deno.mkdirSync(source, { mode: 0o755 });
    if (!await copyContent(rootfs, volume, source)) {
      Deno.chownSync(source, owner.uid, owner.gid);
    }
    mounts.push({ type: "bind", source, destination, options: [...options] });
  }
  return mounts;
}

/**
 * Gives the volumes' directories to whom their owners are on the host, so that these can write to them
 * in the user namespace. What a volume was filled with keeps its owners, as a root filesystem does.
 */
export function mapVolumes(
  volumes: readonly MountOption[],
  { uidMappings, gidMappings }: UserNamespace,
): void {
  for (const { source } of volumes) {
    const { uid, gid } = Deno.lstatSync(source);
    Deno.chownSync(
      source,
      hostId(uidMappings, uid ?? 0) ?? uid,
      hostId(gidMappings, gid ?? 0) ?? gid,
    );
  }
}

/** Returns the error that refuses a volume. */
function refusal({ destination, ofImage }: Volume, why: string): Error {
  if (ofImage) return new ImageError(`its volume ${destination} ${why}`);
  return new CliError(`the volume ${destination} ${why}`);
}

function checkPlace(rootfs: string, volume: Volume): void {
  const { destination } = volume;
  const [first, ...others] = pathNames(endInRoot(rootfs, destination));
  if (first === undefined) {
    const place = pathNames(destination).length === 0 ? "/" : destination;
    throw refusal(
      { ...volume, destination: place },
      "would hide all of it; nothing can run in it",
    );
  }
  // Below /proc runtimes let nothing be mounted, and each opens /dev/null.
  const isKernels = first === "proc" || others.length === 0 || others.join("/") === "null";
  if (KERNEL_DIRS.includes(first) && isKernels) {
    throw refusal(volume, "would hide files of the kernel");
  }
}

/** Copies the directory that is at a volume's place, all of it; false where there is none. */
async function copyContent(rootfs: string, volume: Volume, target: string): Promise<boolean> {
  const path = volume.destination;
  let place;
  try {
    place = openInRoot(rootfs, path);
  } catch (error) {
    if (isErrno(error, ENOENT, ENOTDIR)) return false;
    if (isErrno(error, ELOOP)) throw refusal(volume, "leads through links in a circle");
    throw error;
  }
  using held = place;
  const here = fdPath(held.fd).replace("/self/", `/${Deno.pid}/`);
  if (!Deno.statSync(here).isDirectory) {
    const where = volume.ofImage ? " in it" : "";
    throw refusal(volume, `is no directory${where}; mount a file there: -v FILE:${path}`);
  }
  const child = spawnProgram(
    "cp",
    { args: ["-a", "--", `${here}/.`, target], stdin: "null" },
    (options) =>
      new CliError(
        "cp is not in PATH, which fills volumes: install the package coreutils",
        options,
      ),
  );
  const { success, stderr } = await child.output();
  if (success) return true;
  const why = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
  throw new CliError(`cannot fill the volume at ${path}: ${why}`);
}
