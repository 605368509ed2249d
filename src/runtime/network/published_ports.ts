// SPDX-License-Identifier: MIT
// The ports of the host on which containers are published: checks of them, and their names.
import type { PortMapping } from "../../network/record.ts";
import type { ParamIssue } from "../../rpc/errors.ts";

/** Returns an issue for each port of an address that no host has, and for each that is mapped twice. */
export function portIssues(ports: readonly PortMapping[]): ParamIssue[] {
  return [...multicastPorts(ports), ...duplicatePorts(ports)];
}

/** Addresses of groups: RFC 1112, section 4; RFC 919, section 7; RFC 4291, section 2.7. */
const MULTICAST = /^(22[4-9]|23\d)\.|^255\.255\.255\.255$|^ff[0-9a-f]{2}:/i;

function multicastPorts(ports: readonly PortMapping[]): ParamIssue[] {
  return ports.flatMap(({ hostIp }, index) =>
    hostIp !== undefined && MULTICAST.test(hostIp)
      ? [{ path: `network.ports.${index}.hostIp`, message: `${hostIp} is no address of one host` }]
      : []
  );
}

function duplicatePorts(ports: readonly PortMapping[]): ParamIssue[] {
  return ports.flatMap((port, index) =>
    ports.slice(0, index).some((other) => overlap(port, other))
      ? [{ path: `network.ports.${index}`, message: `${describePort(port)} is mapped twice` }]
      : []
  );
}

/** Returns whether two mappings want the same port of the host, of either family. */
export function overlap(a: PortMapping, b: PortMapping): boolean {
  if (a.protocol !== b.protocol || a.hostPort !== b.hostPort) return false;
  const others = hostSidesOf(b.hostIp);
  return hostSidesOf(a.hostIp).some((side) =>
    others.some(({ family, address }) =>
      family === side.family &&
      (address === undefined || side.address === undefined || address === side.address)
    )
  );
}

/** Addresses of the host: one of a family, or all of it. */
interface HostSide {
  readonly family: 4 | 6;
  readonly address?: string;
}

function hostSidesOf(hostIp: string | undefined): HostSide[] {
  if (hostIp === undefined) return [{ family: 4 }, { family: 6 }];
  if (!hostIp.includes(":")) {
    return [{ family: 4, ...(hostIp === "0.0.0.0" ? {} : { address: hostIp }) }];
  }
  const address = shortAddress(hostIp);
  return [{ family: 6, ...(address === "::" ? {} : { address }) }];
}

/** Returns an IPv6 address in its shortest form, and any other text as it is. */
export function shortAddress(address: string): string {
  return URL.parse(`http://[${address}]`)?.hostname.slice(1, -1) ?? address;
}

/** Names a port of the host, as in `127.0.0.1:8080/tcp`. */
export function describePort({ hostIp, hostPort, protocol }: PortMapping): string {
  const host = hostIp === undefined ? "" : hostIp.includes(":") ? `[${hostIp}]:` : `${hostIp}:`;
  return `port ${host}${hostPort}/${protocol}`;
}
