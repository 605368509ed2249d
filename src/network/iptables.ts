// SPDX-License-Identifier: MIT
import { ENOENT, isErrno } from "../linux/libc/errno.ts";
import type { PluginHost } from "./plugin.ts";
import { pluginPath, runProgram } from "./run_program.ts";

/** The longest name of a chain that the plugins make. */
const MAX_CHAIN = 28;

/** What stands before the hash in the names of the chains of `bridge`, `ptp` and `portmap`. */
const CHAIN_PREFIXES = ["CNI-", "CNI-DN-", "CNI-SN-"];

/**
 * Removes the rules whose comment names the container, and the chains that are its own. They are what a
 * plugin leaves that is killed in its DEL: `bridge` removes the interface first, and then, and only by
 * the addresses that the interface had, its masquerade rules, which no later DEL finds (plugins#810).
 *
 * @param networks names of the container's networks.
 * @throws {Error} with what `iptables-restore` says.
 */
export async function removeRules(
  host: PluginHost,
  containerId: string,
  networks: readonly string[],
): Promise<void> {
  const chains = new Set(
    (await Promise.all(networks.map((name) => chainsOf(name, containerId)))).flat(),
  );
  for (const family of ["iptables", "ip6tables"]) {
    const saved = await run(host, `${family}-save`, []);
    const script = removalScript(saved ?? "", containerId, chains);
    if (script !== "") await run(host, `${family}-restore`, ["--noflush", "-w", "10"], script);
  }
}

/**
 * Returns the chains that plugins make for one container: `FormatChainName` of
 * containernetworking/plugins.
 */
export async function chainsOf(network: string, containerId: string): Promise<string[]> {
  const text = new TextEncoder().encode(`${network}${containerId}`);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-512", text)).toHex();
  return CHAIN_PREFIXES.map((prefix) => `${prefix}${hash}`.slice(0, MAX_CHAIN));
}

/** Runs a program and returns what it wrote; undefined where it is not installed, or has no table. */
async function run(
  { spawn, timeoutMs }: PluginHost,
  program: string,
  args: readonly string[],
  input?: string,
): Promise<string | undefined> {
  try {
    const { exit, stdout, stderr } = await runProgram([program, ...args], {
      spawn,
      env: { PATH: pluginPath() },
      timeoutMs,
      ...(input === undefined ? {} : { input }),
    });
    if (exit?.status === 0) return stdout;
    // Without the kernel's tables there are no rules.
    if (input === undefined) return undefined;
    throw new Error(`${program}: ${stderr.trim()}`);
  } catch (error) {
    if (isErrno(error, ENOENT)) return undefined;
    throw error;
  }
}

/**
 * Returns what `iptables-restore --noflush` reads to remove the rules that name the container, and
 * these chains; empty if there are none. Each table is changed as a whole or not at all.
 *
 * @param saved what `iptables-save` wrote.
 */
export function removalScript(
  saved: string,
  containerId: string,
  chains: ReadonlySet<string>,
): string {
  return saved.split(/^COMMIT$/m)
    .map((text) => tableScript(text.split("\n"), containerId, chains)).join("");
}

function tableScript(
  lines: readonly string[],
  containerId: string,
  chains: ReadonlySet<string>,
): string {
  const own = lines.map((line) => /^:(\S+)/.exec(line)?.[1] ?? "")
    .filter((chain) => chains.has(chain));
  const rules = lines.filter((line) => line.startsWith("-A "))
    .filter((line) => !own.includes(line.split(" ")[1] ?? ""))
    .filter((line) => line.includes(containerId) || own.some((to) => line.endsWith(` -j ${to}`)))
    .map((line) => line.slice("-A ".length));
  const table = lines.find((line) => line.startsWith("*"));
  if (table === undefined || rules.length + own.length === 0) return "";
  return [
    table,
    // A chain can be deleted that is empty and that no rule leads to.
    ...rules.map((rule) => `-D ${rule}`),
    ...own.map((chain) => `-F ${chain}`),
    ...own.map((chain) => `-X ${chain}`),
    "COMMIT\n",
  ].join("\n");
}
