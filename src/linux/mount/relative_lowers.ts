// SPDX-License-Identifier: MIT
import { parentDir } from "../fs/path_names.ts";
import { lazyLibc, retry } from "../libc/libc.ts";
import { O_DIRECTORY, O_PATH, OwnedFd } from "../fd/fd.ts";

const libc = lazyLibc({
  fchdir: { parameters: [/* int fd */ "i32"], result: "i32" },
});

/** Options of an overlay whose lower directories are relative to `dir`. */
export interface RelativeLowers {
  /** The directory that all lower directories lie in. */
  readonly dir: string;
  /** The options as mount(2) takes them. */
  readonly data: string;
}

/**
 * Shortens the options of an overlay by what its lower directories have in common. mount(2) takes
 * one page of options, which fewer than 60 layers with long paths fill. Undefined where it does not
 * get shorter: there are no several lower directories below one that is not `/`.
 */
export function relativeLowers(data: string): RelativeLowers | undefined {
  // A comma in a path is escaped (Documentation/filesystems/overlayfs.rst).
  const options = data.split(/(?<!\\),/);
  const at = options.findIndex((option) => option.startsWith("lowerdir="));
  const lowers = options[at]?.slice("lowerdir=".length).split(/(?<!\\):/) ?? [];
  const dir = commonDirectory(lowers);
  if (dir === undefined || dir.includes("\\")) return undefined;
  const names = lowers.map((path) => path.slice(dir.length + 1));
  options[at] = `lowerdir=${names.join(":")}`;
  return { dir, data: options.join(",") };
}

/** Returns the deepest directory, other than `/`, that all absolute paths lie in; there are several. */
function commonDirectory(paths: readonly string[]): string | undefined {
  const [first = "", ...others] = paths;
  let dir = first;
  do {
    dir = parentDir(dir);
    if (!dir.startsWith("/") || others.length === 0) return undefined;
  } while (!paths.every((path) => path.startsWith(`${dir}/`) && path.length > dir.length + 1));
  return dir;
}

/**
 * Runs `call` with the working directory changed, and changes it back. The working directory is the
 * whole process's: `call` must not wait for anything.
 *
 * @throws LinuxError ENOENT, ENOTDIR, EACCES for `dir`, and what `call` throws
 */
export function inDirectory<T>(dir: string, call: () => T): T {
  using before = OwnedFd.open(".", O_PATH | O_DIRECTORY);
  using there = OwnedFd.open(dir, O_PATH | O_DIRECTORY);
  retry(() => libc().fchdir(there.fd), "fchdir", dir);
  try {
    return call();
  } finally {
    retry(() => libc().fchdir(before.fd), "fchdir", "back");
  }
}
