// SPDX-License-Identifier: MIT
// Unpacks the entries of a tar archive.
import {
  fdPath,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_WRONLY,
  open,
  OwnedFd,
  writeAll,
} from "../../linux/fd/fd.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import { ifThere } from "../../linux/fs/if_there.ts";
import { pathNames } from "../../linux/fs/path_names.ts";
import { errnoMessage, LinuxError } from "../../linux/libc/errno.ts";
import { isMountPoint } from "../../linux/mount/mount_id.ts";
import type { HostUser } from "../../oci/bundle_layout.ts";
import { CliError } from "../common/exit_status.ts";
import type { OnSkipped } from "./pack.ts";
import type { TarEntry } from "./tar_header.ts";
import type { TarItem } from "./tar_reader.ts";
import { pathError } from "./path_error.ts";

/** Owner and place of the files that {@linkcode unpack} makes, and a listener for others. */
export interface UnpackOptions {
  /** The owner of the files; `archive`: the one whom the archive names. */
  readonly owner: HostUser | "archive";
  /** Called with each entry that is left out. */
  readonly onSkipped: OnSkipped;
  /** Opens the directory that an entry is in, by its path from the base; missing ones are made. */
  readonly openDirectory: (path: string) => OwnedFd;
  /** Returns the path of an entry as the user knows it. */
  readonly shown: (path: string) => string;
}

/**
 * Unpacks entries of an archive. A file or symlink that is there already is replaced; a directory is
 * kept, and what it holds besides. Where a link is in the place of a directory it is replaced, too.
 *
 * Nothing outside of what `openDirectory` gives is written, whatever the archive says and whichever
 * process changes the tree meanwhile: each entry is made by its name alone in a directory that is
 * held open.
 *
 * @throws {CliError} for an entry that leads outside, takes the place of a directory or a mount, or
 *   cannot be written.
 */
export async function unpack(
  items: AsyncIterable<TarItem>,
  options: UnpackOptions,
): Promise<void> {
  const directories: { readonly path: string; readonly entry: TarEntry }[] = [];
  for await (const { entry, content } of items) {
    const names = pathNames(entry.path);
    if (names.includes("..")) throw new CliError(`refused: ${entry.path} leads out of the archive`);
    const name = names.pop();
    if (name === undefined) continue;
    const path = [...names, name].join("/");
    try {
      using dir = options.openDirectory(names.join("/"));
      if (entry.type === "directory") {
        makeDirectory(dir.fd, name, entry.path);
        directories.push({ path, entry });
      } else {
        await makeEntry(dir.fd, name, entry, content, options);
      }
    } catch (error) {
      throw pathError(options.shown(path), "write", error);
    }
  }
  // Last, since each file in them has changed their time, and they may be read-only; deepest first.
  for (const { path, entry } of directories.reverse()) {
    try {
      using dir = options.openDirectory(path);
      finish(fdPath(dir.fd), entry, options);
    } catch (error) {
      throw pathError(options.shown(path), "write", error);
    }
  }
}

function makeDirectory(dir: number, name: string, path: string): void {
  const place = `${fdPath(dir)}/${name}`;
  const there = lstat(place);
  if (there?.isDirectory) return;
  if (there !== undefined && !there.isSymlink) {
    throw new CliError(`cannot copy the directory ${path}: there is a file in its place`);
  }
  if (there !== undefined) removeEntry(dir, name, path);
  Deno.mkdirSync(place, { mode: 0o700 });
}

async function makeEntry(
  dir: number,
  name: string,
  entry: TarEntry,
  content: TarItem["content"],
  options: UnpackOptions,
): Promise<void> {
  const place = `${fdPath(dir)}/${name}`;
  if (entry.type === "character device" || entry.type === "block device") {
    return options.onSkipped(entry.path, "it is a device");
  }
  const there = lstat(place);
  if (there?.isDirectory) {
    throw new CliError(`cannot copy ${entry.path}: there is a directory in its place`);
  }
  if (there !== undefined) removeEntry(dir, name, entry.path);
  switch (entry.type) {
    case "symlink": {
      Deno.symlinkSync(entry.target, place);
      using fd = new OwnedFd(open(place, O_PATH | O_NOFOLLOW));
      // The path of a held symlink leads to the symlink itself, not to its target (proc(5)).
      if (Deno.statSync(fdPath(fd.fd)).isSymlink) setOwnerAndTime(fdPath(fd.fd), entry, options);
      return;
    }
    case "link": {
      const names = pathNames(entry.target);
      const last = names.pop();
      if (last === undefined || names.includes("..")) {
        throw new CliError(`refused: ${entry.path} links to ${entry.target}`);
      }
      using other = options.openDirectory(names.join("/"));
      Deno.linkSync(`${fdPath(other.fd)}/${last}`, place);
      return;
    }
    case "fifo": {
      mkfifo(place, 0o600);
      using fd = new OwnedFd(open(place, O_PATH | O_NOFOLLOW));
      // Whatever has taken its place meanwhile is not to be changed.
      if (Deno.statSync(fdPath(fd.fd)).isFifo) finish(fdPath(fd.fd), entry, options);
      return;
    }
    case "file": {
      using fd = new OwnedFd(open(place, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY));
      for await (const chunk of content) writeChunk(fd.fd, chunk, options.shown(entry.path));
      finish(fdPath(fd.fd), entry, options);
    }
  }
}

function writeChunk(fd: number, chunk: Uint8Array<ArrayBuffer>, path: string): void {
  try {
    writeAll(fd, chunk);
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
    const why = `${errnoMessage(error.errno)}: what is copied of it is not whole`;
    throw new CliError(`cannot write ${path}: ${why}`, { cause: error });
  }
}

/** Removes what is no directory; a mount of the container would be detached by that. */
function removeEntry(dir: number, name: string, path: string): void {
  if (isMountPoint(dir, name)) {
    throw new CliError(`cannot copy ${path}: in its place is a mount point, which stays (busy)`);
  }
  Deno.removeSync(`${fdPath(dir)}/${name}`);
}

/** Sets owner, time and mode: the mode after the owner, whose change clears set-user-ID. */
function finish(place: string, entry: TarEntry, options: UnpackOptions): void {
  setOwnerAndTime(place, entry, options);
  Deno.chmodSync(place, entry.mode);
}

function setOwnerAndTime(place: string, entry: TarEntry, { owner }: UnpackOptions): void {
  const { uid, gid } = owner === "archive" ? entry : owner;
  Deno.chownSync(place, uid, gid);
  Deno.utimeSync(place, entry.mtime, entry.mtime);
}

/** Opens a directory below `base` without following a symlink; missing ones are made. */
export function openBelow(base: number, path: string): OwnedFd {
  let dir = new OwnedFd(open(fdPath(base), O_PATH | O_DIRECTORY));
  for (const name of path.split("/").filter((part) => part !== "")) {
    using parent = dir;
    const place = `${fdPath(parent.fd)}/${name}`;
    if (lstat(place) === undefined) Deno.mkdirSync(place, { mode: 0o755 });
    dir = new OwnedFd(open(place, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  }
  return dir;
}

function lstat(path: string): Deno.FileInfo | undefined {
  return ifThere(() => Deno.lstatSync(path));
}
