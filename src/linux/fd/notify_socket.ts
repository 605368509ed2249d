// SPDX-License-Identifier: MIT
import { OwnedFd } from "./fd.ts";
import { check, cstring, lazyLibc } from "../libc/libc.ts";
import { unixAddress, withSocketPath } from "./unix_path.ts";

const libc = lazyLibc({
  socket: {
    parameters: [/* int domain */ "i32", /* int type */ "i32", /* int protocol */ "i32"],
    result: "i32",
  },
  sendto: {
    parameters: [
      /* int sockfd */ "i32",
      /* const void *buf */ "buffer",
      /* size_t len */ "usize",
      /* int flags */ "i32",
      /* const struct sockaddr *dest_addr */ "buffer",
      /* socklen_t addrlen */ "u32",
    ],
    result: "isize",
  },
});

// include/linux/socket.h, include/linux/net.h
const AF_UNIX = 1, SOCK_DGRAM = 2, SOCK_CLOEXEC = 0o2000000, MSG_NOSIGNAL = 0x4000;

/**
 * Tells the service manager how this service is doing: one datagram of `NAME=value` lines to the
 * socket named by NOTIFY_SOCKET; `@` begins an abstract name (sd_notify(3)).
 *
 * @throws LinuxError when no process listens there
 */
export function notifyServiceManager(socketPath: string, lines: readonly string[]): void {
  using socket = new OwnedFd(
    check(() => libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"),
  );
  const message = new TextEncoder().encode(lines.join("\n"));
  const send = (name: Uint8Array) => {
    const address = unixAddress(name);
    const length = BigInt(message.length);
    check(
      () =>
        Number(
          libc().sendto(socket.fd, message, length, MSG_NOSIGNAL, address, address.length),
        ),
      "sendto",
      socketPath,
    );
  };
  if (socketPath.startsWith("@")) send(new TextEncoder().encode(`\0${socketPath.slice(1)}`));
  else withSocketPath(socketPath, (short) => send(cstring(short)));
}
