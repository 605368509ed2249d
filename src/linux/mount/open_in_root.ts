// SPDX-License-Identifier: MIT
import {
  close,
  fdPath,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_WRONLY,
  OwnedFd,
} from "../fd/fd.ts";
import { EEXIST, EINVAL, ELOOP, ENOENT, ENOTDIR, isErrno, LinuxError } from "../libc/errno.ts";
import { cstring, lazyLibc, retry } from "../libc/libc.ts";
import { pathNames } from "../fs/path_names.ts";

const libc = lazyLibc({
  openat: {
    parameters: [
      /* int dirfd */ "i32",
      /* const char *path */ "buffer",
      /* int flags */ "i32",
      /* mode_t mode */ "u32",
    ],
    result: "i32",
  },
});

const makeLibc = lazyLibc({
  mkdirat: {
    parameters: [/* int dirfd */ "i32", /* const char *path */ "buffer", /* mode_t mode */ "u32"],
    result: "i32",
  },
});

const linkLibc = lazyLibc({
  readlinkat: {
    parameters: [
      /* int dirfd */ "i32",
      /* const char *path */ "buffer",
      /* char *buf */ "buffer",
      /* size_t bufsiz */ "usize",
    ],
    result: "isize",
  },
});

/** As many symlinks as the kernel follows in one path, MAXSYMLINKS of include/linux/namei.h. */
export const MAX_LINKS = 40;

/** The longest target of a symlink with its NUL, PATH_MAX of include/uapi/linux/limits.h. */
const PATH_MAX = 4096;

/**
 * Begins the path of a root directory that this process holds open, which tells nobody anything.
 */
const FD_DIR = "/proc/self/fd/";

/** Whether {@linkcode openInRoot} makes what is missing. */
export interface OpenInRootOptions {
  /**
   * The kind that a missing last name is made as: a directory (0755) or an empty file (0644).
   * Missing directories on the way to it are made too. Left out, nothing is made.
   */
  readonly create?: "directory" | "file";
}

/**
 * Opens what `path` names when `root` is the root directory: symlinks and `..` stay inside. The fd is
 * O_PATH: it holds the place, to be reached by {@linkcode fdPath}.
 *
 * Safe against somebody who changes the tree meanwhile. Each name is opened relative to the fd of the
 * directory before it and never followed by the kernel; a symlink's target is read from its own fd;
 * `..` goes back to the fd that is held already. So nothing outside is ever reached, on any kernel,
 * and what is missing can be made on the way, which `openat2(2)` cannot do.
 *
 * @throws LinuxError ENOENT when something is missing and nothing is to be made; ELOOP; ENOTDIR;
 *   EROFS, …
 */
export function openInRoot(
  root: string,
  path: string,
  { create }: OpenInRootOptions = {},
): OwnedFd {
  using way = new Way(OwnedFd.open(root, O_PATH | O_DIRECTORY));
  const pending = pathNames(path).reverse();
  const what = `${path} in ${root.startsWith(FD_DIR) ? "the root filesystem" : root}`;
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "..") {
      way.leave();
      continue;
    }
    const last = pending.length === 0;
    const kind = last || create === undefined ? create : "directory";
    using entry = openOrMake(way.fd, name, kind, what);
    const link = linkTarget(entry.fd, what);
    if (link === undefined) {
      if (!last && !Deno.statSync(fdPath(entry.fd)).isDirectory) {
        throw new LinuxError(ENOTDIR, "open", what);
      }
      way.enter(entry.release());
      continue;
    }
    if (++links > MAX_LINKS) throw new LinuxError(ELOOP, "open", what);
    if (link.startsWith("/")) way.restart();
    pending.push(...pathNames(link).reverse());
  }
  return way.take();
}

/** The directories from the root to where a walk has come, each held open. */
class Way implements Disposable {
  readonly #root: OwnedFd;
  #inside: OwnedFd[] = [];

  constructor(root: OwnedFd) {
    this.#root = root;
  }

  get fd(): number {
    return (this.#inside.at(-1) ?? this.#root).fd;
  }

  enter(fd: number): void {
    this.#inside.push(new OwnedFd(fd));
  }

  /** Goes to the parent directory; the root is its own parent. */
  leave(): void {
    this.#inside.pop()?.[Symbol.dispose]();
  }

  restart(): void {
    while (this.#inside.length > 0) this.leave();
  }

  /** Gives away the fd of where it has come. */
  take(): OwnedFd {
    return new OwnedFd((this.#inside.at(-1) ?? this.#root).release());
  }

  [Symbol.dispose](): void {
    this.restart();
    this.#root[Symbol.dispose]();
  }
}

/** Opens one name in a directory as it is, a symlink too. */
export function openEntry(dirfd: number, name: string, what: string): OwnedFd {
  const text = cstring(name);
  return new OwnedFd(
    retry(() => libc().openat(dirfd, text, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0), "open", what),
  );
}

function openOrMake(
  dirfd: number,
  name: string,
  kind: "directory" | "file" | undefined,
  what: string,
): OwnedFd {
  // Somebody may make or remove it between two of these steps; nobody wins that forever by luck.
  for (let attempt = 0;; attempt++) {
    try {
      return openEntry(dirfd, name, what);
    } catch (error) {
      if (!isErrno(error, ENOENT) || kind === undefined || attempt === MAX_LINKS) throw error;
    }
    if (kind === "file") makeFile(dirfd, name, what);
    else if (makeDirectory(dirfd, name, what)) {
      const made = openEntry(dirfd, name, what);
      // The mode is set afterwards because the umask may take away what a container needs.
      const path = fdPath(made.fd);
      if (linkTarget(made.fd, what) === undefined && Deno.statSync(path).isDirectory) {
        Deno.chmodSync(path, 0o755);
      }
      return made;
    }
  }
}

function makeFile(dirfd: number, name: string, what: string): void {
  const text = cstring(name);
  const flags = O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC;
  let fd: number;
  try {
    fd = retry(() => libc().openat(dirfd, text, flags, 0o644), "create", what);
  } catch (error) {
    if (isErrno(error, EEXIST)) return;
    throw error;
  }
  try {
    Deno.chmodSync(fdPath(fd), 0o644);
  } finally {
    close(fd);
  }
}

/** Makes a directory. Returns false where another process was faster. */
function makeDirectory(dirfd: number, name: string, what: string): boolean {
  const text = cstring(name);
  try {
    retry(() => makeLibc().mkdirat(dirfd, text, 0o755), "mkdir", what);
    return true;
  } catch (error) {
    if (isErrno(error, EEXIST)) return false;
    throw error;
  }
}

/**
 * Returns the target of the symlink that an O_PATH fd holds; undefined where it holds something
 * else.
 */
function linkTarget(fd: number, what: string): string | undefined {
  const empty = cstring("");
  const buffer = new Uint8Array(PATH_MAX);
  let length: number;
  try {
    length = retry(
      () => Number(linkLibc().readlinkat(fd, empty, buffer, BigInt(buffer.length))),
      "readlink",
      what,
    );
  } catch (error) {
    // ENOENT is said of an fd that is no symlink's (readlink(2), "readlinkat").
    if (isErrno(error, EINVAL, ENOENT)) return undefined;
    throw error;
  }
  return new TextDecoder().decode(buffer.subarray(0, length));
}
