// SPDX-License-Identifier: MIT
import {
  fdPath,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  open,
  OwnedFd,
  read,
} from "../../linux/fd/fd.ts";
import { BLOCK, encodeHeader, type EntryType, padding } from "./tar_header.ts";
import { pathError } from "./path_error.ts";

/** Bytes read at a time. */
const CHUNK = 256 * 1024;

/** Something that is not copied, and why. */
export type OnSkipped = (path: string, reason: string) => void;

/** The name that errors of {@linkcode pack} use, and a listener for files left out. */
export interface PackOptions {
  /** The path of what is packed, as the user knows it. */
  readonly shown: string;
  /** Called with each file that is left out. */
  readonly onSkipped: OnSkipped;
}

/**
 * Packs what `name` is in a directory, and all below it, as the entry `as` of a tar archive.
 *
 * Safe against a process that changes the tree meanwhile: every file is opened by its name alone in the
 * directory that is held open, and no symlink is followed, so that nothing outside is ever read.
 *
 * @param dir The directory, an fd that may be O_PATH.
 * @throws {CliError} if it cannot be read.
 */
export async function* pack(
  dir: number,
  name: string,
  as: string,
  options: PackOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield* packEntry(dir, name, as, options);
  yield new Uint8Array(2 * BLOCK);
}

async function* packEntry(
  dir: number,
  name: string,
  as: string,
  options: PackOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  try {
    yield* readEntry(dir, name, as, options);
  } catch (error) {
    throw pathError(options.shown, "read", error);
  }
}

async function* readEntry(
  dir: number,
  name: string,
  as: string,
  { shown, onSkipped }: PackOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const path = `${fdPath(dir)}/${name}`;
  const found = Deno.lstatSync(path);
  if (found.isSymlink) {
    yield headerOf(found, "symlink", as, 0, Deno.readLinkSync(path));
    return;
  }
  if (found.isDirectory) {
    using fd = new OwnedFd(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    yield headerOf(Deno.statSync(fdPath(fd.fd)), "directory", as, 0, "");
    for (const child of Deno.readDirSync(fdPath(fd.fd))) {
      yield* packEntry(
        fd.fd,
        child.name,
        as === "." ? child.name : `${as}/${child.name}`,
        { shown: `${shown.replace(/\/$/, "")}/${child.name}`, onSkipped },
      );
    }
    return;
  }
  if (found.isFile) {
    // A FIFO that has taken its place meanwhile must not be waited for.
    using fd = new OwnedFd(open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    const info = Deno.statSync(fdPath(fd.fd));
    if (!info.isFile) return onSkipped(as, "it has changed");
    yield headerOf(info, "file", as, info.size, "");
    yield* contentOf(fd.fd, info.size);
    yield padding(info.size);
    return;
  }
  if (found.isFifo) yield headerOf(found, "fifo", as, 0, "");
  else onSkipped(as, found.isSocket ? "it is a socket" : "it is a device");
}

/** Yields exactly `size` bytes: what a file has lost meanwhile is zeros. */
async function* contentOf(fd: number, size: number) {
  for (let left = size; left > 0;) {
    const buffer = new Uint8Array(Math.min(CHUNK, left));
    const length = read(fd, buffer);
    const chunk = length === 0 ? buffer : buffer.subarray(0, length);
    left -= chunk.length;
    yield await Promise.resolve(chunk);
  }
}

function headerOf(
  info: Deno.FileInfo,
  type: EntryType,
  path: string,
  size: number,
  target: string,
): Uint8Array<ArrayBuffer> {
  return encodeHeader({
    path,
    type,
    mode: (info.mode ?? 0) & 0o7777,
    uid: info.uid ?? 0,
    gid: info.gid ?? 0,
    mtime: Math.floor((info.mtime?.getTime() ?? 0) / 1000),
    size,
    target,
  });
}
