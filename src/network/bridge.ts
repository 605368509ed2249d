// SPDX-License-Identifier: MIT
// The configuration of the network that berth brings.
import type { Conflist } from "./conflist.ts";

/** The name of the network that berth brings. */
export const BRIDGE_NETWORK = "bridge";

/** The names that mean another network than one of a file, wherever a network is named. */
export const OWN_NETWORKS: readonly string[] = [BRIDGE_NETWORK, "none", "host"];

/** The bridge and subnets of a network, and the abilities of its host. */
export interface BridgeOptions {
  /** Name of the interface on the host. */
  readonly bridge: string;
  /** Subnets of the containers, IPv4 and IPv6; those of IPv6 are left out on a host without it. */
  readonly subnets: readonly string[];
  /** Directory of the addresses that are taken. */
  readonly leases: string;
  /** Whether ports are to be mapped. */
  readonly ports: boolean;
  /** Whether this plugin is installed. */
  readonly has: (plugin: string) => boolean;
  /** Whether the host has IPv6. */
  readonly ipv6: boolean;
}

/**
 * Returns the network that berth brings: a bridge whose containers reach each other, the host and,
 * masqueraded, the networks of the host. `firewall` lets their own connections pass where the host forwards
 * nothing by default, as with docker on it, but none from another machine to a port. `tuning` is left
 * out: `bridge` sets the MAC address itself.
 */
export function bridgeConflist(options: BridgeOptions): Conflist {
  const { bridge, leases, ports, has, ipv6 } = options;
  const subnets = options.subnets.filter((subnet) => ipv6 || !subnet.includes(":"));
  const families = [["0.0.0.0/0", "."], ["::/0", ":"]] as const;
  return {
    // Plugins of 0.7 and later know it: Debian 11 has 0.9.1.
    cniVersion: "0.4.0",
    name: BRIDGE_NETWORK,
    plugins: [
      {
        type: "bridge",
        bridge,
        isGateway: true,
        ipMasq: true,
        // A container reaches its own port of the host.
        hairpinMode: true,
        capabilities: { mac: true, ips: true },
        ipam: {
          type: "host-local",
          dataDir: leases,
          ranges: subnets.map((subnet) => [{ subnet }]),
          routes: families
            .filter(([, mark]) => subnets.some((subnet) => subnet.includes(mark)))
            .map(([dst]) => ({ dst })),
        },
      },
      // `snat`: 127.0.0.1 of the host and hairpin connections, see portmap's documentation.
      ...ports ? [{ type: "portmap", capabilities: { portMappings: true }, snat: true }] : [],
      ...has("firewall") ? [{ type: "firewall" }] : [],
    ],
  };
}
