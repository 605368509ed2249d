// SPDX-License-Identifier: MIT
import { parentDir } from "../../../src/linux/fs/path_names.ts";
import { writeScript } from "../stand_in.ts";

/** Where machines that are in between v1 and v2 have v2 mounted (systemd's hybrid layout). */
const UNIFIED = "/sys/fs/cgroup/unified";

/**
 * Makes a command that is crun. Where cgroups are hybrid, crun refuses to run ("invalid file system
 * type"), so it does not get to see v2: a runtime only needs what is mounted while it runs. All other
 * mounts propagate as they do.
 */
export function crun({ dir }: { readonly dir: string }): string {
  const script = `if mountpoint -q ${UNIFIED}; then
  exec unshare -m --propagation unchanged sh -c \
    'mount --make-private ${parentDir(UNIFIED)} && umount ${UNIFIED} && exec crun "$@"' crun "$@"
fi
exec crun "$@"`;
  return writeScript(`${dir}/runtime-crun`, script);
}
