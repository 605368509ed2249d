// SPDX-License-Identifier: MIT
import { ENODEV, isErrno } from "../libc/errno.ts";
import { check, cstring, lazyLibc } from "../libc/libc.ts";
import { inNamespace, openSocket } from "./namespace.ts";

const libc = lazyLibc({
  ioctl: {
    parameters: [/* int fd */ "i32", /* unsigned long op */ "u64", /* struct ifreq * */ "buffer"],
    result: "i32",
  },
});

// include/uapi/linux/sockios.h, include/uapi/linux/if.h
const SIOCGIFINDEX = 0x8933n, IFREQ_SIZE = 40, IFNAMSIZ = 16;

/**
 * Returns whether an interface of this name is in the network namespace that `path` leads to:
 * netdevice(7).
 *
 * @throws {LinuxError} as {@linkcode inNamespace}.
 */
export function hasInterface(path: string, ifname: string): boolean {
  return inNamespace(path, () => {
    using socket = openSocket();
    const ifreq = new Uint8Array(IFREQ_SIZE);
    ifreq.set(cstring(ifname).subarray(0, IFNAMSIZ));
    try {
      check(() => libc().ioctl(socket.fd, SIOCGIFINDEX, ifreq), "ioctl", "SIOCGIFINDEX");
      return true;
    } catch (error) {
      if (isErrno(error, ENODEV)) return false;
      throw error;
    }
  });
}
