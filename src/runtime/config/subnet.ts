// SPDX-License-Identifier: MIT
// Checks the subnets of the network `bridge`.
import { isIPv4, isIPv6 } from "../../linux/net/ip_address.ts";

/** How many bits at the end `host-local` needs to give any address: one each for the network, the gateway, all. */
const LEAST_BITS = 2;

/**
 * Addresses that no interface can be given: this host (RFC 1122, section 3.2.1.3) and groups (RFC 1112,
 * section 4) of IPv4; those of IPv6 that are none, the loopback or stand for IPv4 (RFC 4291, sections
 * 2.5.2, 2.5.3 and 2.5.5), of each link (section 2.5.6), and groups (section 2.7). Of what begins with
 * eight zero bits `host-local` 1.1 can give no other address either: it loses that byte.
 */
const UNUSABLE = ["0.0.0.0/8", "224.0.0.0/4", "::/8", "fe80::/64", "ff00::/8"];

/**
 * Returns whether a text is a subnet that `host-local` takes: an address of zeros behind the prefix, a
 * slash, and the length of the prefix.
 */
export function isSubnet(text: string): boolean {
  const { bits, length } = split(text);
  if (bits === undefined || length === undefined) return false;
  return length <= bits.length - LEAST_BITS && !bits.slice(length).includes("1");
}

/** Returns whether all addresses of a subnet can be those of interfaces that others reach. */
export function isUsable(subnet: string): boolean {
  return !UNUSABLE.some((other) => overlap(subnet, other));
}

/**
 * Returns the index of the first subnet that a bridge cannot have beside one before it: `bridge` gives it
 * one address of IPv4, and several of IPv6 only of subnets that have no address in common.
 */
export function firstInTheWay(subnets: readonly string[]): number | undefined {
  const isV4 = (subnet: string) => !subnet.includes(":");
  const index = subnets.findIndex((subnet, at) =>
    subnets.slice(0, at).some((other) => (isV4(subnet) && isV4(other)) || overlap(subnet, other))
  );
  return index < 0 ? undefined : index;
}

/** Returns whether two subnets have an address in common. */
function overlap(one: string, other: string): boolean {
  const [{ bits = "", length = 0 }, second] = [split(one), split(other)];
  const common = Math.min(length, second.length ?? 0);
  return bits.length === second.bits?.length &&
    bits.slice(0, common) === second.bits.slice(0, common);
}

/** Returns the parts of a subnet: the address's bits as digits, and the length of the prefix. */
function split(text: string): { bits: string | undefined; length: number | undefined } {
  const [address = "", length = "", ...rest] = text.split("/");
  const isLength = rest.length === 0 && /^\d{1,3}$/.test(length);
  return { bits: bitsOf(address), length: isLength ? Number(length) : undefined };
}

/** Returns the bits of an address as digits; undefined if it is none. */
function bitsOf(address: string): string | undefined {
  const bits = (groups: readonly number[], size: number) =>
    groups.map((group) => group.toString(2).padStart(size, "0")).join("");
  if (isIPv4(address)) return bits(address.split(".").map(Number), 8);
  if (!isIPv6(address)) return undefined;
  // In the form of RFC 5952, whose groups are all hexadecimal.
  const [head = "", tail = ""] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const zeros = new Array<number>(8 - groups(head).length - groups(tail).length).fill(0);
  return bits([...groups(head), ...zeros, ...groups(tail)], 16);
}
