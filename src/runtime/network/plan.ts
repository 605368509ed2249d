// SPDX-License-Identifier: MIT
// Plans the network of a container from its params.
import { requireNoIssues } from "../util/require_no_issues.ts";
import { type Conflist, ConflistError, parseConflist } from "../../network/conflist.ts";
import { hostNames } from "../../network/hosts_file.ts";
import type { AttachmentPlan, PortMapping } from "../../network/record.ts";
import type { ParamIssue } from "../../rpc/errors.ts";
import type { NetworkParams } from "../../rpc/contract/schemas/network.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { portIssues } from "./published_ports.ts";

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
  const issues = portIssues(ports);
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

function duplicateNetworks(attachments: readonly AttachmentPlan[]): ParamIssue[] {
  const names = attachments.map(({ conflist }) => conflist.name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  return twice === undefined ? [] : [{ path: "network", message: `${twice} is named twice` }];
}
