// SPDX-License-Identifier: MIT
// Reads the addresses of a container from the record of its network.
import { isUncertain, type NetworkRecord, resultOf } from "../../network/record.ts";
import { readResult } from "../../network/result.ts";
import type { NetworkState } from "../../rpc/contract/schemas/network.ts";

/** Addresses by network. */
export type NetworkAddresses = ReadonlyMap<string, readonly string[]>;

/** Returns the container's interface in each of its networks, as the plugins describe it. */
function interfacesOf({ attachments }: NetworkRecord) {
  return attachments.map((attachment) => ({
    network: attachment.conflist.name,
    interface: attachment.ifname,
    ...readResult(resultOf(attachment), attachment.ifname),
  }));
}

/** Returns a container's network as the contract describes it. */
export function describeNetwork(record: NetworkRecord, namespace: string): NetworkState {
  return {
    namespace,
    interfaces: interfacesOf(record).map(({ mac, addresses, gateways, ...names }) => {
      return {
        ...names,
        ...(mac === undefined ? {} : { mac }),
        addresses: [...addresses],
        gateways: [...gateways],
      };
    }),
    ports: record.ports.map((port) => ({ ...port })),
  };
}

/**
 * Returns the addresses that a container has, without their prefix lengths; undefined unless its
 * network is whole: every plugin has ended that the network needs, and none has removed anything.
 */
export function addressesByNetwork(record: NetworkRecord): NetworkAddresses | undefined {
  const { attachments } = record;
  const whole = !isUncertain(record) &&
    attachments.every(({ conflist, steps }) => steps.length === conflist.plugins.length);
  if (!whole) return undefined;
  return new Map(
    interfacesOf(record).map(({ network, addresses }) => [
      network,
      addresses.map((address) => address.split("/", 1)[0] ?? ""),
    ]),
  );
}

/** Returns the gateways of all networks of a container. */
export function gatewaysOf(record: NetworkRecord): string[] {
  return interfacesOf(record).flatMap(({ gateways }) => gateways);
}

/** Returns the addresses that a container has in all its networks, with their prefix lengths. */
export function addressesOf(record: NetworkRecord): string[] {
  return interfacesOf(record).flatMap(({ addresses }) => addresses);
}
