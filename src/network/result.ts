// SPDX-License-Identifier: MIT
import { isRecord } from "../rpc/is_record.ts";

/** The result of a plugin, as it gave it: the next one gets it unchanged. */
export type CniResult = Readonly<Record<string, unknown>>;

/** What a container's interface has got. */
export interface InterfaceState {
  readonly mac?: string;
  /** With the length of the prefix. */
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
}

/** Returns what a result says of the interface `ifname` in the container. */
export function readResult(result: CniResult | undefined, ifname: string): InterfaceState {
  const interfaces = result?.["interfaces"];
  const isOwn = (one: unknown) =>
    isRecord(one) && one["name"] === ifname && typeof one["sandbox"] === "string" &&
    one["sandbox"] !== "";
  const mac = records(interfaces).find(isOwn)?.["mac"];
  // `interface` is an index into `interfaces`; one that is left out may be any's.
  const ips = records(result?.["ips"]).filter(({ interface: index }) =>
    typeof index !== "number" || !Array.isArray(interfaces) || isOwn(interfaces[index])
  );
  return {
    ...(typeof mac === "string" && mac !== "" ? { mac } : {}),
    addresses: addressesIn(ips.map(({ address }) => address)),
    gateways: addressesIn(ips.map(({ gateway }) => gateway)),
  };
}

function records(value: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/**
 * Returns what may be addresses, each once. What else a plugin gives is left out: the addresses become
 * lines of the hosts file.
 */
function addressesIn(values: readonly unknown[]): string[] {
  const texts = values.filter((value) => typeof value === "string");
  return [...new Set(texts.filter((text) => /^[0-9a-f.:]+(\/\d{1,3})?$/i.test(text)))];
}
