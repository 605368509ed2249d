// SPDX-License-Identifier: MIT
// The network of a container on the wire.
import * as z from "zod";
import {
  MAX_ADDITIONAL_NETWORKS,
  MAX_ADDRESSES,
  MAX_ALIASES,
  MAX_NAME,
  MAX_PORTS,
} from "../limits.ts";
import { absolutePath, jsonObject, textLike } from "./text.ts";

/** The name of a network: what the CNI specification allows. */
const networkName = textLike(
  /^[A-Za-z0-9][A-Za-z0-9_.-]*$/,
  "must be letters, digits, dots, dashes and underscores, beginning with a letter or digit",
  MAX_NAME,
);

const ipAddress = textLike(/^[0-9A-Fa-f:.]+$/, "must be an IP address", 64);

const hostName = textLike(/^[\x21-\x7e]{1,253}$/, "must be a host name without blanks", 253);

const port = z.int().min(1).max(65_535);

/** The protocol of a mapped port. */
const portProtocol = z.enum(["tcp", "udp"]);

/** A port of the host that leads to a port of the container, as create takes it. */
export const portParams = z.strictObject({
  hostIp: ipAddress.optional().describe(
    "Address of the host that is mapped; every address if not given",
  ),
  hostPort: port.describe("Port of the host"),
  containerPort: port.describe("Port of the container"),
  protocol: portProtocol.optional().describe("Defaults to tcp"),
}).describe("A port of the host that leads to a port of the container");

/** Members that say which network a container is attached to. */
const attachment = {
  name: networkName.optional().describe(
    "Name of a network that `network.list` shows; either this or `conflist`",
  ),
  conflist: jsonObject.optional().describe(
    "CNI network configuration list; either this or `name`",
  ),
  ips: z.array(ipAddress).max(MAX_ADDRESSES).optional().describe(
    "Addresses to request; the plugins of the network must be able to assign given addresses",
  ),
  preferredIps: z.array(ipAddress).max(MAX_ADDRESSES).optional().describe(
    "Addresses to request if they are free and `ips` is absent",
  ),
  mac: textLike(
    /^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$/,
    "must be a MAC address such as 02:42:ac:11:00:02",
    MAX_NAME,
  ).optional().describe("MAC address to request"),
};

/** The network of a container, as create takes it. */
export const networkParams = z.strictObject({
  ...attachment,
  ports: z.array(portParams).max(MAX_PORTS).optional().describe(
    "Ports of the host that lead to the container, through the first network",
  ),
  additional: z.array(z.strictObject(attachment)).max(MAX_ADDITIONAL_NETWORKS).optional().describe(
    "Further networks, whose interfaces are eth1, eth2 and so on",
  ),
  hostname: hostName.optional().describe(
    "Name of the container in `hostsFile`; defaults to the spec's hostname",
  ),
  aliases: z.array(hostName).max(MAX_ALIASES).optional().describe(
    "Further names, in `hostsFile` and for plugins with the capability `aliases`",
  ),
  dns: z.strictObject({
    servers: z.array(ipAddress).max(MAX_ALIASES).optional().describe("Addresses of DNS servers"),
    searches: z.array(hostName).max(MAX_ALIASES).optional().describe("Search domains"),
    options: z.array(hostName).max(MAX_ALIASES).optional().describe("Options of resolv.conf(5)"),
  }).optional().describe("DNS settings for plugins with the capability `dns`"),
  hostsFile: absolutePath.optional().describe(
    "Hosts file of the container, to which its addresses are added. The caller makes the file " +
      "and mounts it at /etc/hosts",
  ),
  resolvFile: absolutePath.optional().describe(
    "resolv.conf(5) of the container. The caller makes the file and mounts it at " +
      "/etc/resolv.conf. DNS settings that plugins return replace those in the file, but not those " +
      "of `dns`. If neither has servers and all addresses of the container are IPv4, the IPv6 " +
      "servers are removed; if no server is left, 8.8.8.8 and 8.8.4.4 are added",
  ),
}).describe("The network of a container, made by CNI plugins");

/** A port of the host that leads to a port of the container. */
export const portState = z.object({
  hostIp: z.string().optional().describe(
    "Address of the host that is mapped; every address if absent",
  ),
  hostPort: z.int().describe("Port of the host"),
  containerPort: z.int().describe("Port of the container"),
  protocol: portProtocol.describe("Protocol of the port"),
}).describe("A port of the host that leads to a port of the container");

/** One interface of a container, and the network that it is in. */
export const networkInterface = z.object({
  network: z.string().describe("Name of the network"),
  interface: z.string().describe("Name of the interface in the container"),
  mac: z.string().optional().describe("MAC address of the interface"),
  addresses: z.array(z.string()).describe(
    "Addresses of the interface, each with its prefix length",
  ),
  gateways: z.array(z.string()).describe("Gateways of the network"),
}).describe("One interface of a container, and the network that it is in");

/** The network of a container as it is. */
export const networkState = z.object({
  namespace: z.string().describe("Path of the network namespace"),
  interfaces: z.array(networkInterface).describe(
    "Interfaces of the container, the first network's first",
  ),
  ports: z.array(portState).describe("Ports of the host that lead to the container"),
}).describe("The network of a container");

/** A network that containers can be attached to. */
export const networkInfo = z.object({
  name: z.string().describe("Name of the network"),
  file: z.string().optional().describe(
    "Configuration file; absent for the network that comes with berth, and for one that " +
      "exists only as the `conflist` of containers",
  ),
  plugins: z.array(z.string()).describe("CNI plugins of the network, in order"),
  missing: z.array(z.string()).describe(
    "Plugins that are not installed; the network can be used if the list is empty",
  ),
  reason: z.string().optional().describe(
    "Reason why the network cannot be used, and what to install",
  ),
  containers: z.array(z.object({
    id: z.string().describe("Container id"),
    interface: z.string().describe("Name of the interface in the container"),
    addresses: z.array(z.string()).describe("Addresses of the interface"),
  })).describe("Containers in the network, ordered by id"),
}).describe("A network that containers can be attached to");

/** Result of `network.list`. */
export const networkList = z.object({
  networks: z.array(networkInfo).describe("Networks, ordered by name"),
  unusable: z.array(z.object({
    file: z.string().describe("Path of the file"),
    reason: z.string().describe("Reason why the file cannot be used"),
  })).optional().describe("Configuration files that cannot be used; absent if there are none"),
}).describe("The networks that containers can be attached to");

/** The network of a container, as create takes it. */
export type NetworkParams = z.output<typeof networkParams>;
/** The network of a container as it is. */
export type NetworkState = z.output<typeof networkState>;
/** A port of the host that leads to a port of the container. */
export type PortState = z.output<typeof portState>;
/** A network that containers can be attached to. */
export type NetworkInfo = z.output<typeof networkInfo>;
