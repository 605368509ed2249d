// SPDX-License-Identifier: MIT
import { addressOf, check, cstring, keepAlive, lazyLibc } from "../libc/libc.ts";
import { ifThere } from "../fs/if_there.ts";
import { ifreqOf, requestInterface } from "./ifreq.ts";
import { AF_INET, AF_INET6, inNamespace, openIoctlSocket } from "./namespace.ts";

const libc = lazyLibc({
  ioctl: {
    parameters: [
      /* int fd */ "i32",
      /* unsigned long op */ "u64",
      /* struct rtentry *, struct in6_rtmsg * */ "buffer",
    ],
    result: "i32",
  },
});

// include/uapi/linux/sockios.h, include/uapi/linux/route.h
const SIOCDELRT = 0x890Cn, RTF_UP = 1, RTF_GATEWAY = 2;

/** The interfaces' default routes are listed here: proc(5). */
const ROUTES = "/proc/thread-self/net/route", ROUTES_V6 = "/proc/thread-self/net/ipv6_route";

/** A default route of the main table, or of another one where IPv6 lists it. */
interface DefaultRoute {
  readonly ifname: string;
  readonly metric: number;
  readonly flags: number;
  /** The gateway's address, in the kernel's own notation. */
  readonly gateway: string;
}

/**
 * Removes the default routes of interfaces that would be taken before those of an interface that comes
 * first in `ifnames`, or in turn with them: for IPv4 and IPv6 by themselves. Those of a greater metric
 * stay, as does every one where no interface before has any.
 *
 * @param path of the network namespace that the interfaces are in.
 * @throws {LinuxError} as {@linkcode inNamespace}, or if a route cannot be removed.
 */
export function preferFirstDefaultRoute(path: string, ifnames: readonly string[]): void {
  inNamespace(path, () => {
    for (const route of laterRoutes(defaultRoutes(), ifnames)) removeRoute(route);
    for (const route of laterRoutes(defaultRoutesV6(), ifnames)) removeRouteV6(route);
  });
}

function laterRoutes(routes: readonly DefaultRoute[], ifnames: readonly string[]): DefaultRoute[] {
  const first = ifnames.find((name) => routes.some(({ ifname }) => ifname === name));
  const metric = Math.min(
    ...routes.filter(({ ifname }) => ifname === first).map((route) => route.metric),
  );
  return routes.filter((route) =>
    route.ifname !== first && ifnames.includes(route.ifname) && route.metric <= metric
  );
}

function defaultRoutes(): DefaultRoute[] {
  return linesOf(ROUTES).flatMap(
    ([ifname = "", destination, gateway = "", flags = "", , , metric, mask]) =>
      destination === "00000000" && mask === "00000000"
        ? [{ ifname, gateway, flags: parseInt(flags, 16), metric: Number(metric) }]
        : [],
  );
}

function defaultRoutesV6(): DefaultRoute[] {
  return linesOf(ROUTES_V6).flatMap(
    ([, length, , sourceLength, gateway = "", metric = "", , , flags = "", ifname = ""]) =>
      length === "00" && sourceLength === "00"
        ? [{ ifname, gateway, flags: parseInt(flags, 16), metric: parseInt(metric, 16) }]
        : [],
  );
}

/** Returns the words of each line; none where the kernel has no such family. */
function linesOf(file: string): string[][] {
  return (ifThere(() => Deno.readTextFileSync(file)) ?? "").split("\n")
    .map((line) => line.trim().split(/\s+/));
}

function removeRoute({ ifname, gateway, flags, metric }: DefaultRoute): void {
  using socket = openIoctlSocket(AF_INET);
  // struct rtentry of 64 bits: include/uapi/linux/route.h
  const rtentry = new Uint8Array(120);
  const view = new DataView(rtentry.buffer);
  for (const sockaddr of [8, 24, 40]) view.setUint16(sockaddr, AF_INET, true);
  // Listed as the number that its four bytes are in memory.
  view.setUint32(24 + 4, parseInt(gateway, 16), true);
  view.setUint16(56, flags & (RTF_UP | RTF_GATEWAY), true);
  view.setInt16(80, metric + 1, true);
  const device = cstring(ifname);
  view.setBigUint64(88, addressOf(device), true);
  check(() => libc().ioctl(socket.fd, SIOCDELRT, rtentry), "ioctl", `SIOCDELRT ${ifname}`);
  keepAlive(device);
}

function removeRouteV6({ ifname, gateway, flags, metric }: DefaultRoute): void {
  using socket = openIoctlSocket(AF_INET6);
  const ifreq = ifreqOf(ifname);
  requestInterface(socket.fd, "SIOCGIFINDEX", ifreq);
  // struct in6_rtmsg of 64 bits: include/uapi/linux/ipv6_route.h
  const message = new Uint8Array(80);
  const view = new DataView(message.buffer);
  message.set(Uint8Array.fromHex(gateway), 32);
  view.setUint32(56, metric, true);
  view.setUint32(72, flags & (RTF_UP | RTF_GATEWAY), true);
  view.setInt32(76, new DataView(ifreq.buffer).getInt32(16, true), true);
  check(() => libc().ioctl(socket.fd, SIOCDELRT, message), "ioctl", `SIOCDELRT ${ifname}`);
}
