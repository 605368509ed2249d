// SPDX-License-Identifier: MIT
// The options of a container's network.
import { type Command, InvalidArgumentError, Option } from "commander";
import { isIP } from "../../linux/net/ip_address.ts";
import type { NetworkParams } from "../../rpc/contract/schemas/network.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import { addAlias, collect, collectParsed, matching } from "../common/command.ts";
import { CliError } from "../common/exit_status.ts";
import { printStderr } from "../text/print.ts";
import { collectHost, parseAddress } from "./etc_files.ts";
import { type NetworkMode, parseContainer } from "./namespaces.ts";

/** The ports of `container.create`. */
type Ports = NonNullable<NetworkParams["ports"]>;

/** The options that make up a container's network. */
export interface NetworkFlags {
  readonly network?: NetworkMode;
  readonly publish?: Ports;
  readonly ip?: string;
  readonly ip6?: string;
  readonly macAddress?: string;
  readonly networkAlias?: readonly string[];
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOption?: readonly string[];
}

/** The part of a connection to the daemon that lists networks. */
export interface NetworkLister {
  call(
    name: "network.list",
    params: object,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<ResultOf<DaemonContract, "network.list">>;
}

/** The network of a container that says nothing else. */
const DEFAULT_NETWORK = "bridge";

/** The most ports that a range may have. */
const MAX_RANGE = 1024;

/** Adds the options of a container's network, and of its names. */
export function withNetwork(command: Command): void {
  const network = new Option(
    "--network <network>",
    "bridge, none, host, container:ID or a network; may be repeated",
  ).argParser(collectNetwork);
  const mac = new Option("--mac-address <mac>", "MAC address").argParser(parseMac);
  command
    .optionsGroup("Network:")
    .addOption(network)
    .option(
      "-p, --publish <ports>",
      "publish a container port on the host: [IP:]HOST:CONTAINER[/udp]",
      collectPorts,
    )
    .option("--ip <address>", "IPv4 address in the network", parseAddress)
    .option("--ip6 <address>", "IPv6 address in the network", parseAddress)
    .addOption(mac)
    .option("--network-alias <name>", "further name of the container in /etc/hosts", collect)
    .option("-h, --hostname <name>", "host name; default: the container's id", parseHostname)
    .option("--add-host <name:ip>", "entry for /etc/hosts", collectHost)
    .option("--dns <ip>", "DNS server", collectParsed(parseAddress))
    .option("--dns-search <domain>", "DNS search domain; . for none", collect)
    .option("--dns-option <option>", "option of resolv.conf", collect);
  addAlias(command, "--net <network>", network);
  addAlias(command, "--mac <mac>", mac);
}

/** Checks a host name: sethostname(2) takes 64 bytes. */
const parseHostname = matching(
  /^[\x21-\x7e]{1,64}$/,
  "expected a name of 1 to 64 characters without blanks",
);

/** Checks a MAC address. */
const parseMac = matching(
  /^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$/,
  "expected a MAC address such as 02:42:ac:11:00:02",
);

/** Collects `--network`: of names there may be several. Throws commander's `InvalidArgumentError`. */
export function collectNetwork(text: string, previous: NetworkMode | undefined): NetworkMode {
  const isName = (mode: NetworkMode) => typeof mode === "object" && "networks" in mode;
  const mode = parseNetwork(text, previous);
  // As in docker: none of them could be left out silently.
  if (previous !== undefined && !(isName(previous) && isName(mode))) {
    throw new InvalidArgumentError("only names of networks can be given together");
  }
  return mode;
}

function parseNetwork(text: string, previous: NetworkMode | undefined): NetworkMode {
  const container = parseContainer(text);
  if (container !== undefined) return container;
  if (text === "none" || text === "host") return text;
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(text)) {
    throw new InvalidArgumentError("expected bridge, none, host, container:ID or a network's name");
  }
  const names = typeof previous === "object" && "networks" in previous ? previous.networks : [];
  return { networks: [...names, text] };
}

/**
 * Collects docker's `[[IP:]HOST:]CONTAINER[/PROTOCOL]`; HOST and CONTAINER may be ranges of one
 * length. Throws commander's `InvalidArgumentError`.
 */
export function collectPorts(text: string, previous: Ports | undefined): Ports {
  const [, address, host, container = "", protocolText = "tcp"] =
    /^(?:(?:(\[[^\]]+\]|[^:[\]]*):)?([\d-]*):)?([\d-]+)(?:\/(\w+))?$/.exec(text) ?? [];
  const protocol = protocolText.toLowerCase();
  const hostIp = address?.replace(/^\[(.*)\]$/, "$1") || undefined;
  if (hostIp !== undefined && !isIP(hostIp)) {
    throw new InvalidArgumentError(`${hostIp} is no IP address`);
  }
  if (protocol !== "tcp" && protocol !== "udp") {
    throw new InvalidArgumentError("expected the protocol tcp or udp");
  }
  const to = rangeOf(container);
  if (!host) {
    throw new InvalidArgumentError(
      "expected [IP:]HOST:CONTAINER[/udp], such as 8080:80: berth chooses no port of the host",
    );
  }
  const from = rangeOf(host);
  if (from.length !== to.length) {
    throw new InvalidArgumentError("expected ranges of the same length, such as 8000-8009:80-89");
  }
  const added = from.map((hostPort, index) => ({
    ...(hostIp === undefined ? {} : { hostIp }),
    hostPort,
    containerPort: to[index] ?? 0,
    protocol: protocol === "udp" ? "udp" as const : "tcp" as const,
  }));
  return [...previous ?? [], ...added];
}

/** Returns the ports of `8000` or `8000-8009`. */
function rangeOf(text: string): number[] {
  const [, first = "", last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === "" || from < 1 || to > 65_535 || to < from || to - from >= MAX_RANGE) {
    throw new InvalidArgumentError(
      `expected ports from 1 to 65535, such as 8080:80 or 8000-8009:80-89`,
    );
  }
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** Returns whether ports could be published besides: none are, and the network is the container's own. */
export function couldPublish({ network, publish }: NetworkFlags): boolean {
  const own = network === undefined || (typeof network === "object" && "networks" in network);
  return own && publish === undefined;
}

/**
 * Returns the network that the options ask for. A container of an image that says nothing gets
 * `bridge`, as docker has it, where the plugins are there; where not, the person is told what to
 * install, in one line.
 *
 * @throws {CliError} if an option asks for what the network cannot have; the signal's reason.
 */
export async function chooseNetwork(
  daemon: NetworkLister,
  options: NetworkFlags,
  ofImage: boolean,
  signal?: AbortSignal,
): Promise<NetworkParams | undefined> {
  const names = await namesOf(daemon, options, ofImage, signal);
  const [first, ...additional] = names;
  if (first === undefined) return undefined;
  const { publish, ip, ip6, macAddress, networkAlias } = options;
  const ips = [ip, ip6].filter((address) => address !== undefined);
  const dns = {
    ...(options.dns && { servers: [...options.dns] }),
    ...(options.dnsSearch && { searches: [...options.dnsSearch] }),
    ...(options.dnsOption && { options: [...options.dnsOption] }),
  };
  return {
    name: first,
    ...(additional.length > 0 && { additional: additional.map((name) => ({ name })) }),
    ...(publish && { ports: publish }),
    ...(ips.length > 0 && { ips }),
    ...(macAddress !== undefined && { mac: macAddress }),
    ...(networkAlias && { aliases: [...networkAlias] }),
    ...(Object.keys(dns).length > 0 && { dns }),
  };
}

async function namesOf(
  daemon: NetworkLister,
  { network, ...options }: NetworkFlags,
  ofImage: boolean,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  if (typeof network === "object" && "networks" in network) return network.networks;
  const needing = ([
    ["-p", options.publish],
    ["--ip", options.ip],
    ["--ip6", options.ip6],
    ["--mac-address", options.macAddress],
    ["--network-alias", options.networkAlias],
  ] as const).find(([, value]) => value !== undefined)?.[0];
  if (network !== undefined) {
    if (needing === undefined) return [];
    const mode = typeof network === "string" ? network : `container:${network.container}`;
    throw new CliError(`${needing} needs a network of the container's own, not ${mode}`);
  }
  if (needing !== undefined) return [DEFAULT_NETWORK];
  if (!ofImage) return [];
  const { networks } = await daemon.call("network.list", {}, { signal });
  const { reason } = networks.find(({ name }) => name === DEFAULT_NETWORK) ?? {};
  if (reason === undefined) return [DEFAULT_NETWORK];
  printStderr(`berth: the container has no network: ${reason}`);
  return [];
}
