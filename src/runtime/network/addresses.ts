// SPDX-License-Identifier: MIT
import type { NetworkRecord } from "../../network/record.ts";
import { isUncertain, resultOf } from "../../network/record.ts";
import { readResult } from "../../network/result.ts";
import type { NetworkState } from "../../rpc/contract/network/schemas.ts";

/** Addresses by network. */
export type NetworkAddresses = ReadonlyMap<string, readonly string[]>;

/** Returns a container's network as the contract describes it. */
export function networkState(record: NetworkRecord, namespace: string): NetworkState {
  return {
    namespace,
    interfaces: record.attachments.map((attachment) => {
      const { mac, addresses, gateways } = readResult(resultOf(attachment), attachment.ifname);
      return {
        network: attachment.conflist.name,
        interface: attachment.ifname,
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
  return new Map(attachments.map((attachment) => [
    attachment.conflist.name,
    readResult(resultOf(attachment), attachment.ifname).addresses
      .map((address) => address.split("/", 1)[0] ?? ""),
  ]));
}

/** Returns the gateways of all networks of a container. */
export function gatewaysOf({ attachments }: NetworkRecord): string[] {
  return attachments.flatMap((attachment) =>
    readResult(resultOf(attachment), attachment.ifname).gateways
  );
}

/** Returns the addresses that a container has in all its networks, with their prefix lengths. */
export function addressesOf({ attachments }: NetworkRecord): string[] {
  return attachments.flatMap((attachment) =>
    readResult(resultOf(attachment), attachment.ifname).addresses
  );
}
