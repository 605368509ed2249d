// SPDX-License-Identifier: MIT
import { ELOOP, ENOTDIR, LinuxError } from "../libc/errno.ts";

/** As many symlinks as the kernel follows in one path, MAXSYMLINKS of include/linux/namei.h. */
const MAX_LINKS = 40;

/** Options of {@linkcode secureJoin}. */
export interface SecureJoinOptions {
  /** Whether what is missing at the end is made as an empty file, for a bind mount of a file. */
  readonly file?: boolean;
}

/**
 * Where `target` is when `rootfs` is the root: symlinks and `..` on the way stay inside. What is
 * missing is made: directories (0755), at the end an empty file (0644) if asked.
 *
 * Not for a rootfs that somebody changes meanwhile: the answer is a path, and a directory in it may
 * become a symlink before it is used.
 *
 * @throws LinuxError ELOOP, ENOTDIR
 * @throws Deno.errors what making a directory or file throws (read-only file system, …)
 */
export function secureJoin(
  rootfs: string,
  target: string,
  { file = false }: SecureJoinOptions = {},
): string {
  let inside: string[] = [];
  const pending = names(target);
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "..") {
      inside.pop();
      continue;
    }
    const path = [rootfs, ...inside, name].join("/");
    const found = lstat(path);
    if (found?.isSymlink) {
      if (++links > MAX_LINKS) throw new LinuxError(ELOOP, "resolve", `${target} in ${rootfs}`);
      const link = Deno.readLinkSync(path);
      if (link.startsWith("/")) inside = [];
      pending.push(...names(link));
      continue;
    }
    if (found === undefined) make(path, file && pending.length === 0);
    else if (!found.isDirectory && pending.length > 0) {
      throw new LinuxError(ENOTDIR, "resolve", `${target} in ${rootfs}: ${path}`);
    }
    inside.push(name);
  }
  return [rootfs, ...inside].join("/");
}

/** The names in a path, last one first. */
function names(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".").reverse();
}

function lstat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The modes are set afterwards because a daemon's umask may take away what a container needs. */
function make(path: string, file: boolean): void {
  if (file) {
    Deno.writeFileSync(path, new Uint8Array(), { createNew: true });
    Deno.chmodSync(path, 0o644);
  } else {
    Deno.mkdirSync(path);
    Deno.chmodSync(path, 0o755);
  }
}
