// SPDX-License-Identifier: MIT
import { ENODEV, isErrno } from "../libc/errno.ts";
import { ifreqOf, requestInterface } from "./ifreq.ts";
import { inNamespace, openIoctlSocket } from "./namespace.ts";

/**
 * Returns whether an interface of this name is in the network namespace that `path` leads to:
 * netdevice(7).
 *
 * @throws {LinuxError} as {@linkcode inNamespace}.
 */
export function hasInterface(path: string, ifname: string): boolean {
  return inNamespace(path, () => {
    using socket = openIoctlSocket();
    try {
      requestInterface(socket.fd, "SIOCGIFINDEX", ifreqOf(ifname));
      return true;
    } catch (error) {
      if (isErrno(error, ENODEV)) return false;
      throw error;
    }
  });
}
