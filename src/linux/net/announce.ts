// SPDX-License-Identifier: MIT
import { exists } from "../fs/exists.ts";
import { ifreqOf, requestInterface } from "./ifreq.ts";
import { inNamespace, openIoctlSocket } from "./namespace.ts";

/** Documentation/networking/ip-sysctl.rst: whether neighbors are told that the hardware address changes. */
const NOTIFIES = ["ipv4/conf/%/arp_notify", "ipv6/conf/%/ndisc_notify"] as const;

/**
 * Tells the neighbors of an interface which hardware address its addresses have now: a gratuitous ARP
 * and an unsolicited neighbor advertisement for each address. Whoever knew another holder of an
 * address would otherwise send to that one for up to a minute. The kernel sends both when the hardware
 * address is set, also to what it is (inetdev_event, ndisc_netdev_event).
 *
 * @param path of the network namespace that the interface is in.
 * @throws {LinuxError} EOPNOTSUPP or EBUSY if the interface's hardware address cannot be set; ENODEV
 *   if it is not there. Else as {@linkcode inNamespace}.
 */
export function announceAddresses(path: string, ifname: string): void {
  inNamespace(path, () => {
    using socket = openIoctlSocket();
    const ifreq = ifreqOf(ifname);
    requestInterface(socket.fd, "SIOCGIFHWADDR", ifreq);
    using _notifying = withNotifies(ifname);
    requestInterface(socket.fd, "SIOCSIFHWADDR", ifreq);
  });
}

/** Makes the kernel announce changes until the result is disposed of; without IPv6, those of IPv4. */
function withNotifies(ifname: string): Disposable {
  using stack = new DisposableStack();
  for (const name of NOTIFIES) {
    const file = `/proc/sys/net/${name.replace("%", () => ifname)}`;
    if (!exists(file)) continue;
    const before = Deno.readTextFileSync(file);
    if (before.trim() === "1") continue;
    Deno.writeTextFileSync(file, "1", { create: false });
    stack.defer(() => Deno.writeTextFileSync(file, before, { create: false }));
  }
  return stack.move();
}
