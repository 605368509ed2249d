// SPDX-License-Identifier: MIT
import type { PortState } from "../../rpc/contract/network/schemas.ts";

/** Returns the host's side of a port, as docker writes it: `0.0.0.0:8080`, `[::1]:8080`. */
export function hostOf({ hostIp = "0.0.0.0", hostPort }: PortState): string {
  return `${hostIp.includes(":") ? `[${hostIp}]` : hostIp}:${hostPort}`;
}

/** Returns the ports of a container in one line, as docker writes them: `0.0.0.0:8080->80/tcp`. */
export function portsText(ports: readonly PortState[]): string {
  return ports.map((port) => `${hostOf(port)}->${port.containerPort}/${port.protocol}`).join(", ");
}
