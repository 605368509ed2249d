// SPDX-License-Identifier: MIT
import { EADDRNOTAVAIL, EAFNOSUPPORT, EINVAL, isErrno, LinuxError } from "../libc/errno.ts";
import { OwnedFd } from "../fd/fd.ts";
import { check, cstring, lazyLibc } from "../libc/libc.ts";

const libc = lazyLibc({
  socket: {
    parameters: [/* int domain */ "i32", /* int type */ "i32", /* int protocol */ "i32"],
    result: "i32",
  },
  setsockopt: {
    parameters: [
      /* int sockfd */ "i32",
      /* int level */ "i32",
      /* int optname */ "i32",
      /* const void *optval */ "buffer",
      /* socklen_t optlen */ "u32",
    ],
    result: "i32",
  },
  bind: {
    parameters: [/* int sockfd */ "i32", /* const struct sockaddr *addr */ "buffer", "u32"],
    result: "i32",
  },
  listen: { parameters: [/* int sockfd */ "i32", /* int backlog */ "i32"], result: "i32" },
  shutdown: { parameters: [/* int sockfd */ "i32", /* int how */ "i32"], result: "i32" },
  inet_pton: {
    parameters: [/* int af */ "i32", /* const char *src */ "buffer", /* void *dst */ "buffer"],
    result: "i32",
  },
});

// include/linux/socket.h, include/linux/net.h, include/uapi/asm-generic/socket.h, linux/in6.h
const AF_INET = 2, AF_INET6 = 10, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1, SO_REUSEADDR = 2, IPPROTO_IPV6 = 41, IPV6_V6ONLY = 26, SHUT_RDWR = 2;

/** A port of the host. */
export interface HostPort {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** The one address that is meant; every one of the host, IPv4 and IPv6, when left out. */
  readonly address?: string | undefined;
}

/**
 * Takes a port in this process's network namespace, so that no other process can: the sockets are
 * bound, and no client is served. The port is free again once they are closed.
 *
 * @throws {LinuxError} EADDRINUSE if a process has it; EADDRNOTAVAIL if the address is not the host's.
 */
export function takePort({ protocol, port, address }: HostPort): Disposable {
  using taken = new DisposableStack();
  if (address !== undefined) taken.use(bindPort(protocol, port, address));
  else {
    taken.use(bindPort(protocol, port, "0.0.0.0"));
    try {
      taken.use(bindPort(protocol, port, "::"));
    } catch (error) {
      // A host without IPv6.
      if (!isErrno(error, EAFNOSUPPORT, EADDRNOTAVAIL)) throw error;
    }
  }
  return taken.move();
}

function bindPort(protocol: "tcp" | "udp", port: number, address: string): OwnedFd {
  const what = `${protocol} ${address.includes(":") ? `[${address}]` : address}:${port}`;
  const sockaddr = socketAddress(address, port);
  const v6 = address.includes(":");
  const kind = (protocol === "tcp" ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC;
  using socket = new OwnedFd(
    check(() => libc().socket(v6 ? AF_INET6 : AF_INET, kind, 0), "socket", what),
  );
  const { fd } = socket;
  if (v6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  // Connections that a server had which has ended are in TIME_WAIT for a minute: they are no reason.
  if (protocol === "tcp") setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  check(() => libc().bind(fd, sockaddr, sockaddr.length), "bind", what);
  if (protocol === "tcp") {
    // With SO_REUSEADDR it is listen(2) that finds another server (inet_csk_listen_start). Shut down, a
    // socket refuses connections and keeps its port; without SO_REUSEADDR, against every other.
    check(() => libc().listen(fd, 0), "listen", what);
    check(() => libc().shutdown(fd, SHUT_RDWR), "shutdown", what);
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 0);
  }
  return new OwnedFd(socket.release());
}

function setOption(fd: number, level: number, name: number, value: number): void {
  const buffer = new Uint8Array(new Int32Array([value]).buffer);
  check(
    () => libc().setsockopt(fd, level, name, buffer, buffer.length),
    "setsockopt",
    `option ${name}`,
  );
}

/** Returns a struct sockaddr_in (ip(7)) or sockaddr_in6 (ipv6(7)). */
function socketAddress(address: string, port: number): Uint8Array<ArrayBuffer> {
  const v6 = address.includes(":");
  const sockaddr = new Uint8Array(v6 ? 28 : 16);
  const view = new DataView(sockaddr.buffer);
  view.setUint16(0, v6 ? AF_INET6 : AF_INET, true);
  view.setUint16(2, port);
  const binary = new Uint8Array(16);
  if (libc().inet_pton(v6 ? AF_INET6 : AF_INET, cstring(address), binary) !== 1) {
    throw new LinuxError(EINVAL, "inet_pton", JSON.stringify(address));
  }
  sockaddr.set(v6 ? binary : binary.subarray(0, 4), v6 ? 8 : 4);
  return sockaddr;
}
