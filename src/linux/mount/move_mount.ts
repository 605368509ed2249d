// SPDX-License-Identifier: MIT
import { check, cstring, lazyLibc } from "../libc/libc.ts";

// By number: glibc names it only since 2.36. From 424 on, numbers are the same on every architecture
// (include/uapi/asm-generic/unistd.h). It is there since Linux 5.2.
const libc = lazyLibc({
  move_mount: {
    name: "syscall",
    parameters: [
      /* long number */ "i32",
      /* int from_dirfd */ "i32",
      /* const char *from_path */ "buffer",
      /* int to_dirfd */ "i32",
      /* const char *to_path */ "buffer",
      /* unsigned int flags */ "u32",
    ],
    result: "i32",
  },
});

const SYS_move_mount = 429, AT_FDCWD = -100;
// include/uapi/linux/mount.h
const MOVE_MOUNT_F_EMPTY_PATH = 4, MOVE_MOUNT_T_SYMLINKS = 0x10, MOVE_MOUNT_T_EMPTY_PATH = 0x40;

/**
 * Attaches a mount that is attached nowhere, move_mount(2).
 *
 * @param tree An fd of the mount.
 * @param place A path, whose links are followed, or an fd.
 * @param what What is mounted where, for the error.
 * @throws LinuxError
 */
export function attachMount(tree: number, place: string | number, what: string): void {
  const empty = cstring("");
  const [dirfd, path, kind] = typeof place === "number"
    ? [place, empty, MOVE_MOUNT_T_EMPTY_PATH]
    : [AT_FDCWD, cstring(place), MOVE_MOUNT_T_SYMLINKS];
  const flags = MOVE_MOUNT_F_EMPTY_PATH | kind;
  check(() => libc().move_mount(SYS_move_mount, tree, empty, dirfd, path, flags), "mount", what);
}
