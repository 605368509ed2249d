// SPDX-License-Identifier: MIT
// Which texts are addresses of IP. Not by `node:net`: loading that takes a command 16 ms.

/** A number from 0 to 255 without leading zeros. */
const BYTE = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;

const IPV4 = new RegExp(String.raw`^${BYTE}(?:\.${BYTE}){3}$`);

/** Returns whether a text is an address of IPv4, such as "10.0.0.1". */
export function isIPv4(text: string): boolean {
  return IPV4.test(text);
}

/** Returns whether a text is an address of IPv6 (RFC 4291), such as "fd00::1", without a zone. */
export function isIPv6(text: string): boolean {
  // What a URL takes as its host in brackets is just that.
  return /^[\da-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]`);
}

/** Returns whether a text is an address of IP. One of IPv6 may have a zone (RFC 4007): "fe80::1%eth0". */
export function isIP(text: string): boolean {
  return isIPv4(text) || isIPv6(text.replace(/%[\w.:-]+$/, ""));
}
