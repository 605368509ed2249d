// SPDX-License-Identifier: MIT
import { removeFile } from "../fs/remove_file.ts";
import { EBADMSG, LinuxError } from "../libc/errno.ts";
import { OwnedFd, setNonblocking } from "./fd.ts";
import { addressOf, check, cstring, keepAlive, lazyLibc } from "../libc/libc.ts";
import { unixAddress, withSocketPath } from "./unix_path.ts";

const libc = lazyLibc({
  socket: {
    parameters: [/* int domain */ "i32", /* int type */ "i32", /* int protocol */ "i32"],
    result: "i32",
  },
  fchmod: { parameters: [/* int fd */ "i32", /* mode_t mode */ "u32"], result: "i32" },
  bind: {
    parameters: [
      /* int sockfd */ "i32",
      /* const struct sockaddr *addr */ "buffer",
      /* socklen_t addrlen */ "u32",
    ],
    result: "i32",
  },
  listen: { parameters: [/* int sockfd */ "i32", /* int backlog */ "i32"], result: "i32" },
  accept4: {
    parameters: [
      /* int sockfd */ "i32",
      /* struct sockaddr *addr */ "pointer",
      /* socklen_t *addrlen */ "pointer",
      /* int flags */ "i32",
    ],
    result: "i32",
  },
  recvmsg: {
    parameters: [/* int sockfd */ "i32", /* struct msghdr *msg */ "buffer", /* int flags */ "i32"],
    result: "isize",
  },
});

// include/linux/socket.h, include/linux/net.h
const AF_UNIX = 1, SOCK_STREAM = 1, SOCK_NONBLOCK = 0o4000, SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1, SCM_RIGHTS = 1, MSG_DONTWAIT = 0x40, MSG_CMSG_CLOEXEC = 0x40000000;

/**
 * The socket an OCI runtime sends the master of a container's terminal to (`--console-socket`;
 * runtime-spec, runc's docs/terminals.md). Its file is removed at disposal.
 */
export class ConsoleSocket implements Disposable {
  /** Where it listens. */
  readonly path: string;
  readonly #socket: OwnedFd;

  private constructor(path: string, socket: OwnedFd) {
    this.path = path;
    this.#socket = socket;
  }

  /**
   * Listens at `path`, mode 0600. The runtime connects by this path itself: at most 107 bytes.
   *
   * @throws LinuxError EADDRINUSE when something is at `path`; …
   */
  static listen(path: string): ConsoleSocket {
    const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    using socket = new OwnedFd(check(() => libc().socket(AF_UNIX, type, 0), "socket"));
    // Before bind, which takes the file's mode from the socket: no moment of a wider one.
    check(() => libc().fchmod(socket.fd, 0o600), "fchmod", path);
    withSocketPath(path, (short) => {
      const address = unixAddress(cstring(short));
      check(() => libc().bind(socket.fd, address, address.length), "bind", path);
    });
    check(() => libc().listen(socket.fd, 4), "listen", path);
    return new ConsoleSocket(path, new OwnedFd(socket.release()));
  }

  /**
   * Returns the master fd, which the runtime has sent before it returns; CLOEXEC and O_NONBLOCK.
   * The caller closes it.
   *
   * @throws LinuxError EAGAIN when no process has connected or sent; EBADMSG when it was not one fd
   */
  receiveMaster(): number {
    const accept = () => libc().accept4(this.#socket.fd, null, null, SOCK_CLOEXEC);
    using connection = new OwnedFd(check(accept, "accept", `a console at ${this.path}`));

    // struct cmsghdr {size_t len; int level; int type; int fd}: of several fds the kernel keeps
    // only what has room.
    const control = new DataView(new ArrayBuffer(20));
    const controlBytes = new Uint8Array(control.buffer);
    // The runtime sends the name of the terminal along, of which nothing is needed.
    const text = new Uint8Array(256);
    const iovec = new BigUint64Array([addressOf(text), BigInt(text.length)]);
    const iovecBytes = new Uint8Array(iovec.buffer);
    // struct msghdr on 64 bits: name 0, namelen 8, iov 16, iovlen 24, control 32, controllen 40.
    const message = new DataView(new ArrayBuffer(56));
    message.setBigUint64(16, addressOf(iovecBytes), true);
    message.setBigUint64(24, 1n, true);
    message.setBigUint64(32, addressOf(controlBytes), true);
    message.setBigUint64(40, BigInt(controlBytes.length), true);
    const flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
    const header = new Uint8Array(message.buffer);
    const receive = () => Number(libc().recvmsg(connection.fd, header, flags));
    check(receive, "recvmsg", `a console at ${this.path}`);
    keepAlive(text, iovecBytes, controlBytes);
    if (
      message.getBigUint64(40, true) < 20n || control.getInt32(8, true) !== SOL_SOCKET ||
      control.getInt32(12, true) !== SCM_RIGHTS
    ) {
      throw new LinuxError(EBADMSG, "recvmsg", `a console at ${this.path} without an fd`);
    }
    using master = new OwnedFd(control.getInt32(16, true));
    setNonblocking(master.fd, true);
    return master.release();
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
    // Its directory may have been removed before.
    removeFile(this.path);
  }
}
