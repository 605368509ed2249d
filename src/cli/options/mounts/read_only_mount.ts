// SPDX-License-Identifier: MIT
import { isKernelAtLeast } from "../../../linux/kernel_release.ts";
import { tryStat } from "../../../linux/fs/try_stat.ts";
import { CliError } from "../../common/exit_status.ts";
import type { MountOption } from "./mount_option.ts";

/** The kernel's release and the OCI runtime, a name in PATH or a path, that make the mounts. */
export interface Mounter {
  readonly kernel: string;
  readonly runtime: string;
}

/**
 * Returns a mount as this kernel and this runtime can make it. With `ro` and `rro`, the mounts below
 * its source become read-only, too, where that is possible, and stay writable elsewhere. With `rro`
 * alone they have to.
 *
 * @throws {CliError} where they have to and cannot.
 */
export function readOnlyMount(mount: MountOption, mounter: Mounter): MountOption {
  const others = mount.options.filter((option) => option !== "rro");
  if (others.length === mount.options.length) return mount;
  // A runtime that does not know `rro` still makes the mount itself read-only.
  const options = others.includes("ro") ? others : [...others, "ro"];
  // Nothing is below what is no directory, for which crun before 1.15 refuses `rro`.
  if (tryStat(mount.source)?.isDirectory === false) return { ...mount, options };
  if (canMountRecursively(mounter)) return { ...mount, options: [...options, "rro"] };
  if (options !== others) {
    throw new CliError(
      `cannot make all mounts below ${mount.source} read-only: that needs Linux 5.12, and a ` +
        "runtime that knows rro, such as runc and crun",
    );
  }
  return { ...mount, options };
}

/**
 * Returns whether mounts can be made read-only with all below them, by mount_setattr(2), which is there
 * since Linux 5.12. runc 1.1, crun and youki do that for `rro`. To others it is an option of the file
 * system, of which a bind mount takes none; gVisor's runsc refuses what it does not know.
 */
function canMountRecursively({ kernel, runtime }: Mounter): boolean {
  return isKernelAtLeast(kernel, "5.12") && !/(?:^|\/)runsc[^/]*$/.test(runtime);
}
