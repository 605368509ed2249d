// SPDX-License-Identifier: MIT
// Mounts that are attached nowhere yet.
import { O_CLOEXEC, OwnedFd } from "../fd/fd.ts";
import { check, cstring, lazyLibc } from "../libc/libc.ts";

// By number: glibc names them only since 2.36. From 424 on, numbers are the same on every architecture
// (include/uapi/asm-generic/unistd.h). They are there since Linux 5.2.
const libc = lazyLibc({
  open_tree: {
    name: "syscall",
    parameters: [
      /* long number */ "i32",
      /* int dirfd */ "i32",
      /* const char *path */ "buffer",
      /* unsigned int flags */ "u32",
    ],
    result: "i32",
  },
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

const SYS_open_tree = 428, SYS_move_mount = 429, AT_FDCWD = -100;
// include/uapi/linux/mount.h and fcntl.h
const OPEN_TREE_CLONE = 1, AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 4, MOVE_MOUNT_T_SYMLINKS = 0x10, MOVE_MOUNT_T_EMPTY_PATH = 0x40;

/** How much {@linkcode cloneTree} copies. */
export interface CloneTreeOptions {
  /** Whether the mounts below come along; false by default. */
  readonly recursive?: boolean;
}

/**
 * Makes a copy of the mount at `path`, as a bind mount would be, that is attached nowhere: it is
 * gone with its fd unless it is attached before.
 *
 * @throws LinuxError
 */
export function cloneTree(path: string, { recursive = false }: CloneTreeOptions = {}): OwnedFd {
  const name = cstring(path);
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
  const openTree = () => libc().open_tree(SYS_open_tree, AT_FDCWD, name, flags);
  return new OwnedFd(check(openTree, "open_tree", path));
}

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
