// SPDX-License-Identifier: MIT
import { isIPv4, isIPv6 } from "node:net";

/** How many bits at the end `host-local` needs to give any address: one each for the network, the gateway, all. */
const LEAST_BITS = 2;

/**
 * Returns whether a text is a subnet that `host-local` takes: an address of zeros behind the prefix, a
 * slash, and the length of the prefix.
 */
export function isSubnet(text: string): boolean {
  const [address = "", length = "", ...rest] = text.split("/");
  const bits = bitsOf(address);
  if (bits === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length)) return false;
  return Number(length) <= bits.length - LEAST_BITS && !bits.slice(Number(length)).includes("1");
}

/** Returns the bits of an address as digits; undefined if it is none. */
function bitsOf(address: string): string | undefined {
  const bits = (groups: readonly number[], size: number) =>
    groups.map((group) => group.toString(2).padStart(size, "0")).join("");
  if (isIPv4(address)) return bits(address.split(".").map(Number), 8);
  if (!isIPv6(address) || address.includes("%")) return undefined;
  // In the form of RFC 5952, whose groups are all hexadecimal.
  const [head = "", tail = ""] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const zeros = new Array<number>(8 - groups(head).length - groups(tail).length).fill(0);
  return bits([...groups(head), ...zeros, ...groups(tail)], 16);
}
