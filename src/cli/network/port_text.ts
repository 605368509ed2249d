// SPDX-License-Identifier: MIT
// The ports of a container as `ps` and `port` print them.
import type { NetworkState, PortState } from "../../rpc/contract/schemas/network.ts";

/**
 * Returns the host's sides of a port, as docker writes them: `0.0.0.0:8080`, `[::]:8080`. A port of
 * every address has one for each family of the container's addresses: `portmap` maps no other.
 */
export function hostsOf({ hostIp, hostPort }: PortState, { interfaces }: NetworkState): string[] {
  if (hostIp !== undefined) {
    return [`${hostIp.includes(":") ? `[${hostIp}]` : hostIp}:${hostPort}`];
  }
  const addresses = interfaces[0]?.addresses ?? [];
  const v6 = addresses.some((address) => address.includes(":"));
  const v4 = !v6 || addresses.some((address) => !address.includes(":"));
  return [...v4 ? [`0.0.0.0:${hostPort}`] : [], ...v6 ? [`[::]:${hostPort}`] : []];
}

/** Returns the ports of a container in one line, as docker writes them: `0.0.0.0:8080->80/tcp`. */
export function portsText(network: NetworkState | undefined): string {
  if (network === undefined) return "";
  return network.ports.flatMap((port) =>
    hostsOf(port, network).map((host) => `${host}->${port.containerPort}/${port.protocol}`)
  ).join(", ");
}
