// SPDX-License-Identifier: MIT
// The socket of a shim, and its address in a bundle.
import { parentDir } from "../../linux/fs/path_names.ts";
import { FileLock } from "../../linux/fd/file_lock.ts";
import { ifThere } from "../../linux/fs/if_there.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { writeAtomic } from "../../linux/fs/write_atomic.ts";
import {
  bindSocket,
  type BoundSocket,
  isServed,
  removeHalfBound,
  removeSocket,
} from "../../rpc/transport/socket_file.ts";

/** The prefix of an address that is a path. */
const SCHEME = "unix://";

/** The parts that the path of a shim's socket is made of. */
export interface SocketPlace {
  /** Directory of the sockets. */
  readonly dir: string;
  /** containerd's gRPC socket. */
  readonly address: string;
  readonly namespace: string;
  readonly group: string;
}

/** Returns the path of the socket of a group's shim, which every `start` finds again. */
export async function socketPath({ dir, address, namespace, group }: SocketPlace): Promise<string> {
  const name = new TextEncoder().encode(cleanPath(`${address}/${namespace}/${group}`));
  return `${dir}/${new Uint8Array(await crypto.subtle.digest("SHA-256", name)).toHex()}`;
}

/** Returns the path without double slashes, `.` and `..`, as Go's path.Clean does. */
function cleanPath(path: string): string {
  const names: string[] = [];
  const rooted = path.startsWith("/");
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.length > 0 && names.at(-1) !== "..") names.pop();
    else if (!rooted) names.push(name);
  }
  return `${rooted ? "/" : ""}${names.join("/")}`;
}

/** The socket of a shim. */
export class ShimSocket {
  /** Accepts the connections. */
  readonly listener: Deno.UnixListener;
  /** Where it listens. */
  readonly path: string;
  readonly #inode: number | null;

  private constructor(path: string, { listener, inode }: BoundSocket) {
    this.path = path;
    this.listener = listener;
    this.#inode = inode;
  }

  /**
   * Listens at `path`, where the socket of a dead shim is replaced. Undefined if a shim serves there
   * already. Of several that try at a time one listens.
   */
  static async bind(path: string): Promise<ShimSocket | undefined> {
    const dir = parentDir(path);
    Deno.mkdirSync(parentDir(dir) || "/", { recursive: true, mode: 0o711 });
    Deno.mkdirSync(dir, { recursive: true, mode: 0o700 });
    using _lock = await FileLock.lock(dir, { directory: true });
    if (await isServed(path)) return undefined;
    // The lock keeps others away.
    removeHalfBound(dir);
    return new ShimSocket(path, bindSocket(path));
  }

  /** Accepts no more connections and removes the socket. */
  close(): void {
    removeSocket(this.path, this.#inode);
    this.listener.close();
  }
}

/** Returns the path of the file of a bundle with the address of its container's shim. */
function addressFile(bundle: string): string {
  return `${bundle}/address`;
}

/** Records in a bundle that the shim of its container listens at `path`. */
export function writeAddress(bundle: string, path: string): void {
  writeAtomic(addressFile(bundle), `${SCHEME}${path}`);
}

/** Removes the socket of the shim of a bundle's container if that shim is dead. */
export async function removeSocketOf(bundle: string): Promise<void> {
  const address = ifThere(() => Deno.readTextFileSync(addressFile(bundle)));
  if (address?.startsWith(SCHEME)) await removeDeadSocket(address.slice(SCHEME.length));
}

/** Removes the socket at `path` if no process serves there. */
async function removeDeadSocket(path: string): Promise<void> {
  const dir = parentDir(path);
  if (!ifThere(() => Deno.lstatSync(path).isSocket)) return;
  using _lock = await FileLock.lock(dir, { directory: true });
  if (!await isServed(path)) removeFile(path);
}
