// SPDX-License-Identifier: MIT
import { fdPath } from "../../linux/fd/fd.ts";
import { pathNames } from "../../linux/fs/path_names.ts";
import { ENOENT, ENOTDIR, isErrno } from "../../linux/libc/errno.ts";
import { openInRoot } from "../../linux/mount/open_in_root.ts";
import { ImageError } from "../../images/errors.ts";
import { CliError } from "../common/exit_status.ts";

/** The bind mount of a volume. */
export interface VolumeMount {
  readonly type: string;
  readonly source: string;
  readonly destination: string;
  readonly options: string[];
}

/** Whose an empty volume is. */
export interface VolumeOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Makes the volumes that an image asks for below `dir`, and returns their mounts. As docker does it,
 * a volume begins with what the image has at its place; where the image has nothing, it is an empty
 * directory of the container's user.
 *
 * @throws {ImageError} for a volume that is a file of the image, all of it, or hides the kernel's files.
 */
export async function makeVolumes(
  dir: string,
  rootfs: string,
  paths: readonly string[],
  owner: VolumeOwner,
): Promise<VolumeMount[]> {
  const mounts: VolumeMount[] = [];
  for (const [index, destination] of paths.entries()) {
    checkPlace(destination);
    const source = `${dir}/${index}`;
    Deno.mkdirSync(source, { mode: 0o755 });
    if (!await copyContent(rootfs, destination, source)) {
      Deno.chownSync(source, owner.uid, owner.gid);
    }
    mounts.push({ type: "bind", source, destination, options: ["rbind", "rprivate"] });
  }
  return mounts;
}

/** Where the kernel's own files are, and the devices: without them nothing runs. */
const KERNEL_DIRS = ["proc", "sys", "dev"];

function checkPlace(destination: string): void {
  const [first, ...others] = pathNames(destination);
  if (first === undefined) {
    throw new ImageError("its volume / would hide all of it; nothing can run in it");
  }
  // Below /proc runtimes let nothing be mounted.
  if (KERNEL_DIRS.includes(first) && (first === "proc" || others.length === 0)) {
    throw new ImageError(`its volume ${destination} would hide files of the kernel`);
  }
}

/** Copies a directory of the image with owners, times and attributes; false where it has none. */
async function copyContent(rootfs: string, path: string, target: string): Promise<boolean> {
  let place;
  try {
    place = openInRoot(rootfs, path);
  } catch (error) {
    if (isErrno(error, ENOENT, ENOTDIR)) return false;
    throw error;
  }
  using held = place;
  const here = fdPath(held.fd).replace("/self/", `/${Deno.pid}/`);
  if (!Deno.statSync(here).isDirectory) {
    throw new ImageError(
      `its volume ${path} is no directory in it; mount a file there: -v FILE:${path}`,
    );
  }
  const { success, stderr } = await new Deno.Command("cp", {
    args: ["-a", "--", `${here}/.`, target],
    stdin: "null",
  }).output();
  if (success) return true;
  const why = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
  throw new CliError(`cannot fill the volume at ${path}: ${why}`);
}
