// SPDX-License-Identifier: MIT
// Binds Unix sockets, and removes their files.
import { withSocketPath } from "../../linux/fd/unix_path.ts";
import { ifThere } from "../../linux/fs/if_there.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { errnoNameOf } from "../../linux/libc/errno.ts";
import { FailedPreconditionError } from "../errors.ts";
import { NOBODY_LISTENS } from "./connect.ts";

/** How the directory is called in which a socket is bound before it is moved to its place. */
const BIND_PREFIX = ".bind-";

/** Permissions and group of a socket file. */
export interface SocketFileOptions {
  /** Default: 0600. */
  readonly mode?: number;
  /** Group that owns it. Default: the process's own. */
  readonly gid?: number;
}

/** A listening socket and its file. */
export interface BoundSocket {
  readonly listener: Deno.UnixListener;
  /** Inode of the file, for {@linkcode removeSocket}. */
  readonly inode: number | null;
}

/**
 * Throws {@linkcode FailedPreconditionError} unless `path` is free or holds a socket file that
 * no process listens on; `Deno.errors.*` where the system refuses.
 */
export async function refuseIfTaken(path: string): Promise<void> {
  const there = ifThere(() => Deno.lstatSync(path));
  if (there === undefined) return;
  if (!there.isSocket) {
    throw new FailedPreconditionError(`cannot listen on ${path}: it exists and is not a socket`);
  }
  if (await isServed(path)) {
    throw new FailedPreconditionError(`cannot listen on ${path}: another process answers there`);
  }
}

/** Returns whether a process accepts connections at `path`. */
export async function isServed(path: string): Promise<boolean> {
  try {
    const conn = await withSocketPath(
      path,
      (short) => Deno.connect({ transport: "unix", path: short }),
    );
    conn.close();
    return true;
  } catch (error) {
    // EAGAIN: a listener that is too busy to accept is still a listener.
    if (error instanceof Deno.errors.WouldBlock) return true;
    if (NOBODY_LISTENS.has(errnoNameOf(error))) return false;
    throw error;
  }
}

/**
 * Listens on `path`, of any length; a socket file there is replaced.
 *
 * Binds in a directory that no other user can enter, and moves the socket to its place once mode and
 * owner are right: rename(2) keeps the socket, and takes a stale one's place. This also keeps
 * Deno, which unlinks the path it was given when a listener closes, from removing a successor's file.
 */
export function bindSocket(path: string, options: SocketFileOptions = {}): BoundSocket {
  const slash = path.lastIndexOf("/");
  const dir = Deno.makeTempDirSync({
    dir: slash < 0 ? "." : path.slice(0, slash + 1),
    prefix: BIND_PREFIX,
  });
  const temporary = `${dir}/s`;
  let listener: Deno.UnixListener | undefined;
  try {
    listener = withSocketPath(
      temporary,
      (short) => Deno.listen({ transport: "unix", path: short }),
    );
    if (options.gid !== undefined) Deno.chownSync(temporary, null, options.gid);
    Deno.chmodSync(temporary, options.mode ?? 0o600);
    const inode = Deno.lstatSync(temporary).ino;
    Deno.renameSync(temporary, path);
    return { listener, inode };
  } catch (error) {
    listener?.close();
    throw error;
  } finally {
    // Not recursively, which takes file descriptors: those may all be in use.
    removeFile(temporary);
    Deno.removeSync(dir);
  }
}

/**
 * Removes what processes have left in a directory that were killed while they bound a socket there. The
 * caller keeps others from binding one meanwhile.
 */
export function removeHalfBound(dir: string): void {
  for (const { name } of Deno.readDirSync(dir)) {
    if (name.startsWith(BIND_PREFIX)) Deno.removeSync(`${dir}/${name}`, { recursive: true });
  }
}

/** Removes the socket file only if it still is the one that was bound, not a successor's. */
export function removeSocket(path: string, inode: number | null): void {
  if (ifThere(() => Deno.lstatSync(path).ino) === inode) removeFile(path);
}
