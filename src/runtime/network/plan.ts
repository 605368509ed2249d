// SPDX-License-Identifier: MIT
// Plans the network of a container from its params.
import { requireNoIssues } from "../util/require_no_issues.ts";
import { type Conflist, ConflistError, parseConflist } from "../../network/conflist.ts";
import { hostNames } from "../../network/hosts_file.ts";
import type { AttachmentPlan, PortMapping } from "../../network/record.ts";
import type { ParamIssue } from "../../rpc/errors.ts";
import type { NetworkParams } from "../../rpc/contract/schemas/network.ts";
import { isRecord } from "../../rpc/is_record.ts";

/** The network that a container is to get. */
export interface NetworkPlan {
  readonly id: string;
  readonly instance: string;
  readonly attachments: readonly AttachmentPlan[];
  readonly ports: readonly PortMapping[];
  /** The hosts file to which the addresses are added, with the container's names. */
  readonly hosts?: { readonly path: string; readonly names: readonly string[] };
  /** The file in which the plugins' DNS settings are set, but those that the params give. */
  readonly resolv?: { readonly path: string; readonly given: NonNullable<NetworkParams["dns"]> };
  /** The plan in place of this one where the addresses that it prefers are not free. */
  readonly otherwise?: NetworkPlan;
}

/** The container that a network is planned for. */
export interface PlanTarget {
  readonly id: string;
  readonly instance: string;
  /** The host name of the spec. */
  readonly hostname: string;
}

/** The container to plan for, and how a network's configuration is found. */
export interface PlanOptions extends PlanTarget {
  /**
   * Returns the configuration of a network.
   *
   * @throws {NotFoundError} if there is no such network.
   */
  readonly find: (name: string, ports: boolean) => Conflist;
}

/** One network of the params. */
type AttachmentParams = NonNullable<NetworkParams["additional"]>[number];

/**
 * Returns the network that the params ask for.
 *
 * @throws {InvalidParamsError} naming each value that does not fit.
 * @throws {NotFoundError} if there is no such network.
 */
export function planNetwork(params: NetworkParams, options: PlanOptions): NetworkPlan {
  const { id, instance } = options;
  const ports = (params.ports ?? []).map((port) => ({ ...port, protocol: port.protocol ?? "tcp" }));
  const issues: ParamIssue[] = [...multicastPorts(ports), ...duplicatePorts(ports)];
  const preferred = new Map<string, readonly string[]>();
  const attachments = [params, ...params.additional ?? []].flatMap((one, index) => {
    const path = index === 0 ? "network" : `network.additional.${index - 1}`;
    const conflist = conflistOf(
      one,
      path,
      issues,
      (name) => options.find(name, index === 0 && ports.length > 0),
    );
    if (conflist === undefined) return [];
    const runtimeConfig = runtimeConfigOf(one, conflist.name, params, index === 0 ? ports : []);
    issues.push(...unsupported(conflist, runtimeConfig, path));
    if (one.preferredIps !== undefined) preferred.set(conflist.name, one.preferredIps);
    return [{ conflist, ifname: `eth${index}`, runtimeConfig }];
  });
  issues.push(...duplicateNetworks(attachments));
  requireNoIssues("create", id, issues);
  const { hostsFile, hostname = options.hostname, aliases = [], resolvFile, dns = {} } = params;
  const plan = {
    id,
    instance,
    attachments,
    ports,
    ...(hostsFile === undefined
      ? {}
      : { hosts: { path: hostsFile, names: hostNames(hostname, aliases) } }),
    ...(resolvFile === undefined ? {} : { resolv: { path: resolvFile, given: dns } }),
  };
  return preferred.size === 0 ? plan : preferAddresses(plan, preferred);
}

function conflistOf(
  { name, conflist }: AttachmentParams,
  path: string,
  issues: ParamIssue[],
  find: (name: string) => Conflist,
): Conflist | undefined {
  if ((name === undefined) === (conflist === undefined)) {
    issues.push({ path, message: "must have either `name` or `conflist`" });
    return undefined;
  }
  if (name !== undefined) return find(name);
  try {
    return parseConflist(conflist);
  } catch (error) {
    if (!(error instanceof ConflistError)) throw error;
    issues.push({ path: `${path}.conflist`, message: error.message });
    return undefined;
  }
}

/** CNI's conventions for capabilities: CONVENTIONS.md of containernetworking/cni. */
function runtimeConfigOf(
  { ips, mac }: AttachmentParams,
  network: string,
  { aliases, dns }: NetworkParams,
  ports: readonly PortMapping[],
): Readonly<Record<string, unknown>> {
  return {
    ...(ports.length > 0 && {
      portMappings: ports.map(({ hostIp, ...port }) => ({
        ...port,
        ...(hostIp !== undefined && { hostIP: hostIp }),
      })),
    }),
    ...(ips !== undefined && ips.length > 0 && { ips }),
    ...(mac !== undefined && { mac }),
    ...(aliases !== undefined && aliases.length > 0 && { aliases: { [network]: aliases } }),
    ...(dns !== undefined && { dns }),
  };
}

/** The capabilities that a plugin must have where the params ask for them, with the name of the param. */
const REQUIRED = { portMappings: "ports", ips: "ips", mac: "mac" } as const;

function hasCapability({ plugins }: Conflist, capability: string): boolean {
  return plugins.some(({ capabilities }) =>
    isRecord(capabilities) && capabilities[capability] === true
  );
}

/**
 * Returns a plan that prefers these addresses, by network, where it asks for none. They take the
 * place of those that it prefers.
 */
export function preferAddresses(
  { otherwise, ...given }: NetworkPlan,
  addresses: ReadonlyMap<string, readonly string[]>,
): NetworkPlan {
  const plan = otherwise ?? given;
  const preferred = (attachment: AttachmentPlan): AttachmentPlan => {
    const { conflist, runtimeConfig } = attachment;
    const ips = addresses.get(conflist.name) ?? [];
    if (ips.length === 0 || "ips" in runtimeConfig || !hasCapability(conflist, "ips")) {
      return attachment;
    }
    return { ...attachment, runtimeConfig: { ...runtimeConfig, ips } };
  };
  const attachments = plan.attachments.map(preferred);
  // The same plan need not be tried a second time.
  const isSame = attachments.every((attachment, index) => attachment === plan.attachments[index]);
  return isSame ? plan : { ...plan, attachments, otherwise: plan };
}

function unsupported(
  conflist: Conflist,
  runtimeConfig: Readonly<Record<string, unknown>>,
  path: string,
): ParamIssue[] {
  return Object.entries(REQUIRED).flatMap(([capability, param]) =>
    runtimeConfig[capability] === undefined || hasCapability(conflist, capability) ? [] : [{
      path: `${path}.${param}`,
      message: `no plugin of the network ${conflist.name} has the capability ${capability}`,
    }]
  );
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

function duplicateNetworks(attachments: readonly AttachmentPlan[]): ParamIssue[] {
  const names = attachments.map(({ conflist }) => conflist.name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  return twice === undefined ? [] : [{ path: "network", message: `${twice} is named twice` }];
}

/** Returns whether two mappings want the same port of the host, of either family. */
export function overlap(a: PortMapping, b: PortMapping): boolean {
  if (a.protocol !== b.protocol || a.hostPort !== b.hostPort) return false;
  const others = placesOf(b.hostIp);
  return placesOf(a.hostIp).some((place) =>
    others.some(({ family, address }) =>
      family === place.family &&
      (address === undefined || place.address === undefined || address === place.address)
    )
  );
}

/** Addresses of the host: one of a family, or all of it. */
interface Place {
  readonly family: 4 | 6;
  readonly address?: string;
}

function placesOf(hostIp: string | undefined): Place[] {
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
