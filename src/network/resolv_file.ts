// SPDX-License-Identifier: MIT
// Writes DNS settings into a container's resolv.conf.
import { ifThere } from "../linux/fs/if_there.ts";
import { readSmallFile } from "../linux/fs/read_small_file.ts";
import { PUBLIC_SERVERS } from "../oci/spec/etc_files.ts";
import type { CniResult } from "./result.ts";
import { isRecord } from "../rpc/is_record.ts";

/** Settings of resolv.conf(5). */
export interface DnsSettings {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Returns the DNS settings of results, taken together: CNI specification, "ADD Success". */
export function readDns(results: readonly (CniResult | undefined)[]): DnsSettings {
  const all = results.map((result) => result?.["dns"]).filter(isRecord);
  const list = (dns: Readonly<Record<string, unknown>>, key: string) => {
    const value = dns[key];
    return Array.isArray(value) ? value.filter(isWord) : [];
  };
  return {
    servers: unique(all.flatMap((dns) => list(dns, "nameservers"))),
    searches: unique(all.flatMap((dns) => {
      const search = list(dns, "search");
      return search.length > 0 ? search : [dns["domain"]].filter(isWord);
    })),
    options: unique(all.flatMap((dns) => list(dns, "options"))),
  };
}

/** Returns whether it is a word that cannot become two, or a line, in resolv.conf(5). */
function isWord(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value);
}

function unique(words: readonly string[]): string[] {
  return [...new Set(words)];
}

/**
 * Sets the lines of a resolv.conf(5) for which there are settings; the others stay. The file itself is
 * kept, for it may be mounted.
 *
 * @throws {Error} if it is no regular file or too large, and what the file system throws.
 */
export function setDns(path: string, { servers, searches, options }: DnsSettings): void {
  const replaced = [
    ...servers.length > 0 ? ["nameserver"] : [],
    ...searches.length > 0 ? ["search", "domain"] : [],
    ...options.length > 0 ? ["options"] : [],
  ];
  if (replaced.length === 0) return;
  const before = readSmallFile(path);
  const kept = before.split("\n").filter((line) => {
    const [keyword = ""] = wordsOf(line);
    return line !== "" && !replaced.includes(keyword);
  });
  const lines = [
    ...servers.map((server) => `nameserver ${server}`),
    ...kept,
    ...searches.length > 0 ? [`search ${searches.join(" ")}`] : [],
    ...options.length > 0 ? [`options ${options.join(" ")}`] : [],
  ];
  const text = lines.map((line) => `${line}\n`).join("");
  // Writing empties the file first, which a full disk would leave so.
  if (text !== before) Deno.writeTextFileSync(path, text, { create: false });
}

/**
 * Returns the servers of a resolv.conf(5) for a container without an IPv6 address, by docker's rules:
 * those of IPv4, or public ones where it has none of these. Returns none where it has none of IPv6, or
 * the file is not there: nothing is to be set.
 *
 * @throws {Error} as {@linkcode setDns}.
 */
export function serversWithoutIpv6(path: string): readonly string[] {
  const servers = (ifThere(() => readSmallFile(path)) ?? "").split("\n").map(wordsOf)
    .flatMap(([keyword, server]) => keyword === "nameserver" ? server ?? [] : []);
  const left = servers.filter((server) => !server.includes(":"));
  if (left.length === servers.length) return [];
  return left.length > 0 ? left : PUBLIC_SERVERS;
}

function wordsOf(line: string): string[] {
  return line.trim().split(/\s+/);
}
