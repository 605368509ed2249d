// SPDX-License-Identifier: MIT
// Asks the kernel about a network interface by ioctl.
import { check, cstring, lazyLibc } from "../libc/libc.ts";

const libc = lazyLibc({
  ioctl: {
    parameters: [/* int fd */ "i32", /* unsigned long op */ "u64", /* struct ifreq * */ "buffer"],
    result: "i32",
  },
});

// include/uapi/linux/if.h: the size of struct ifreq, and of its name with the NUL at the end.
const IFREQ_SIZE = 40, IFNAMSIZ = 16;

// include/uapi/linux/sockios.h
const REQUESTS = {
  SIOCGIFFLAGS: 0x8913n,
  SIOCSIFFLAGS: 0x8914n,
  SIOCSIFHWADDR: 0x8924n,
  SIOCGIFHWADDR: 0x8927n,
  SIOCGIFINDEX: 0x8933n,
} as const;

/** Returns a struct ifreq (netdevice(7)) that names an interface. */
export function ifreqOf(ifname: string): Uint8Array<ArrayBuffer> {
  const ifreq = new Uint8Array(IFREQ_SIZE);
  ifreq.set(cstring(ifname).subarray(0, IFNAMSIZ));
  return ifreq;
}

/**
 * Asks the kernel about the interface that `ifreq` names, or changes it: netdevice(7). What the kernel
 * answers is in `ifreq` afterwards.
 *
 * @param socket the fd of a socket in the interface's network namespace.
 * @throws {LinuxError} ENODEV if the interface is not there, and what the request has for errors.
 */
export function requestInterface(
  socket: number,
  request: keyof typeof REQUESTS,
  ifreq: Uint8Array<ArrayBuffer>,
): void {
  check(() => libc().ioctl(socket, REQUESTS[request], ifreq), "ioctl", request);
}
