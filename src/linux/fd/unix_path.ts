// SPDX-License-Identifier: MIT
// Paths of Unix sockets that are longer than an address holds.
import { ENAMETOOLONG, LinuxError } from "../libc/errno.ts";
import { O_DIRECTORY, O_PATH, OwnedFd } from "./fd.ts";

/** sun_path of unix(7) is 108 bytes, the last one a NUL. */
const MAX_SOCKET_PATH = 107;

const AF_UNIX = 1;

/** Returns the struct sockaddr_un of a socket's name: a path with its NUL, or an abstract name. */
export function unixAddress(name: Uint8Array): Uint8Array<ArrayBuffer> {
  // struct sockaddr_un {sa_family_t; char path[]}
  const address = new Uint8Array(2 + name.length);
  address[0] = AF_UNIX;
  address.set(name, 2);
  return address;
}

const byteLength = (text: string) => new TextEncoder().encode(text).length;

/**
 * Calls `use` with a path of at most 107 bytes that leads to `path`, to bind or connect a Unix
 * socket: `path` itself where it fits, else through /proc/self/fd of its directory, which
 * is open until `use` returns or its promise settles. The short path is not to be kept: a listener's
 * address cannot be used to unlink the socket later.
 *
 * @throws LinuxError when the directory cannot be opened; ENAMETOOLONG when the last name alone is
 *   too long; whatever `use` throws
 */
export function withSocketPath<T>(path: string, use: (short: string) => T): T {
  if (byteLength(path) <= MAX_SOCKET_PATH) return use(path);
  const slash = path.lastIndexOf("/");
  // Without a slash the name itself is too long, which shows below.
  const parent = slash === -1 ? "." : path.slice(0, slash) || "/";
  const directory = OwnedFd.open(parent, O_PATH | O_DIRECTORY);
  let result: T;
  try {
    const short = `/proc/self/fd/${directory.fd}/${path.slice(slash + 1)}`;
    if (byteLength(short) > MAX_SOCKET_PATH) {
      throw new LinuxError(ENAMETOOLONG, "unix socket", path);
    }
    result = use(short);
  } catch (error) {
    directory[Symbol.dispose]();
    throw error;
  }
  if (!(result instanceof Promise)) {
    directory[Symbol.dispose]();
    return result;
  }
  const close = () => directory[Symbol.dispose]();
  // Only the side effect: the caller gets the promise itself, and with it any rejection.
  result.then(close, close);
  return result;
}
