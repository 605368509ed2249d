// SPDX-License-Identifier: MIT
// Checks and reads the results of plugins.
import { isRecord } from "../rpc/is_record.ts";
import { shorten } from "../error_text.ts";
import { isTooDeep, MAX_LEVELS, VERSIONS } from "./conflist.ts";

/** The result of a plugin, as it gave it. */
export type CniResult = Readonly<Record<string, unknown>>;

/** Returns the fault of a value that stands at `path` of a result; undefined if it has none. */
type Check = (value: unknown, path: string) => string | undefined;

/** Returns the check for a value that is not missing or null. */
function expected(what: string, fits: (value: unknown) => boolean): Check {
  return (value, path) => {
    if (fits(value)) return undefined;
    const text = JSON.stringify(value) ?? "missing";
    return `\`${path}\` is ${shorten(text, 100)}: expected ${what}`;
  };
}

const text = expected("a string", (value) => typeof value === "string");
const integer = expected("a whole number", Number.isSafeInteger);
const prefix = expected(
  "an address and its prefix length",
  (value) => typeof value === "string" && isPrefix(value),
);
// Plugins in Go write an address that is not there as "".
const address = expected(
  "an address",
  (value) => typeof value === "string" && (value === "" || isAddress(value)),
);
const version = expected(
  `one of ${VERSIONS.join(", ")}`,
  (value) => value === "" || VERSIONS.some((known) => known === value),
);

/** Returns whether a text is an address as Go reads it: no zone, no leading zeros. */
function isAddress(text: string): boolean {
  if (text.includes(":")) return /^[\da-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]`);
  const parts = text.split(".");
  return parts.length === 4 &&
    parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isPrefix(text: string): boolean {
  const [address = "", length = "", ...rest] = text.split("/");
  return rest.length === 0 && isAddress(address) && /^\d{1,3}$/.test(length) &&
    Number(length) <= (address.includes(":") ? 128 : 32);
}

function list(element: Check): Check {
  const isList = expected("a list", Array.isArray);
  return (value, path) =>
    Array.isArray(value)
      ? value.map((one: unknown, index) => element(one, `${path}.${index}`))
        .find((fault) => fault !== undefined)
      : isList(value, path);
}

/**
 * Returns whether plugins in Go read a member as the one of a name: whatever the case is, `ſ` and the
 * Kelvin sign included (encoding/json, foldName).
 */
export function isMember(key: string, name: string): boolean {
  const fold = (text: string) => text.toLowerCase().toUpperCase();
  return fold(key) === fold(name);
}

/**
 * Returns the check for an object. Members may be null or missing, except `required`; others may be there.
 * Plugins in Go read a member whatever the case of its name.
 */
function object(members: Readonly<Record<string, Check>>, required?: string): Check {
  const isObject = expected("an object", isRecord);
  return (value, path) => {
    if (!isRecord(value)) return isObject(value, path);
    const start = path === "" ? "" : `${path}.`;
    return Object.entries(members).flatMap(([name, check]) => {
      const given = Object.entries(value).filter(([key, member]) =>
        isMember(key, name) && (member ?? undefined) !== undefined
      );
      if (given.length === 0 && name === required) return [check(undefined, start + name)];
      return given.map(([key, member]) => check(member, start + key));
    }).find((fault) => fault !== undefined);
  };
}

/** CNI specification, "ADD Success", of all versions of it: plugins read them by the same code. */
const RESULT = object({
  cniVersion: version,
  interfaces: list(object({
    ...{ name: text, mac: text, sandbox: text, mtu: integer, socketPath: text, pciID: text },
  })),
  ips: list(
    object({ version: text, interface: integer, address: prefix, gateway: address }, "address"),
  ),
  routes: list(object({
    ...{ dst: prefix, gw: address, mtu: integer, advmss: integer },
    ...{ priority: integer, table: integer, scope: integer },
  }, "dst")),
  dns: object({
    ...{ nameservers: list(text), domain: text, search: list(text), options: list(text) },
  }),
});

/**
 * Returns the fault of a result; undefined if it has none. A plugin that gets a result with a fault as the
 * previous one cannot read it, and so neither adds nor removes anything.
 */
export function resultFault(result: CniResult): string | undefined {
  return isTooDeep(result) ? `it has more than ${MAX_LEVELS} levels` : RESULT(result, "");
}

/**
 * Returns a result as plugins read it whose network is of this version: they refuse that of another one.
 * The members are the same in all that have no {@linkcode resultFault}, but that those before 1.0.0 say
 * the family of each address.
 */
export function resultAs(cniVersion: string, result: CniResult): CniResult {
  if (result["cniVersion"] === cniVersion) return result;
  if (!cniVersion.startsWith("0.")) return { ...result, cniVersion };
  const ips = records(result["ips"]).map((ip) => ({
    ...ip,
    version: String(ip["address"]).includes(":") ? "6" : "4",
  }));
  return { ...result, cniVersion, ips };
}

/** The addresses of a container's interface. */
export interface InterfaceState {
  readonly mac?: string;
  /** With the length of the prefix. */
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
}

/** Returns the state of the interface `ifname` in the container, as a result has it. */
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
 * Returns the texts that look like addresses, each once. The others are left out: addresses become lines of
 * the hosts file.
 */
function addressesIn(values: readonly unknown[]): string[] {
  const texts = values.filter((value) => typeof value === "string");
  return [...new Set(texts.filter((text) => /^[0-9a-f.:]+(\/\d{1,3})?$/i.test(text)))];
}
