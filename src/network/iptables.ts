// SPDX-License-Identifier: MIT
// Removes rules of iptables that plugins have left.
import { ENOENT, isErrno } from "../linux/libc/errno.ts";
import type { PluginHost } from "./plugin.ts";
import type { PluginRuns } from "./plugin_runs.ts";
import { pluginPath, runProgram } from "./run_program.ts";

/** The most that is read of `iptables-save`, in bytes. */
const MAX_RULES = 64 << 20;

/**
 * Messages of `iptables-save` on a kernel without its tables: of nftables, of IPv6, of the legacy ones.
 * The messages are those of strerror(3) in the C locale.
 */
const NO_TABLES =
  /Protocol not supported|Address family not supported|Table does not exist|do you need to insmod/;

/** How much of what a failed program has written goes into the message, in UTF-16 units. */
const MAX_MESSAGE = 2048;

/** The longest name of a chain that the plugins make. */
const MAX_CHAIN = 28;

/** The text before the hash in the names of the chains of `bridge`, `ptp` and `portmap`. */
const CHAIN_PREFIXES = ["CNI-", "CNI-DN-", "CNI-SN-"];

/**
 * Removes the rules whose comment names the container, and the chains that are its own. A plugin leaves
 * them that is killed in its DEL, or whose interface the container has changed. `bridge` removes the
 * interface first. It finds its masquerade rules only by the addresses that the interface had, so that no
 * later DEL finds them (plugins#810).
 *
 * @param networks names of the container's networks.
 * @throws {Error} with the message of `iptables-save` or `iptables-restore`, if one fails or hangs.
 */
export async function removeRules(
  host: PluginHost,
  runs: PluginRuns,
  networks: readonly string[],
): Promise<void> {
  const { containerId } = runs;
  const chains = new Set(
    (await Promise.all(networks.map((name) => chainsOf(name, containerId)))).flat(),
  );
  // One after the other: where one hangs, all that runs for the container is killed.
  for (const family of ["iptables", "ip6tables"]) {
    const saved = await save(host, runs, `${family}-save`);
    const script = removalScript(saved, containerId, chains);
    if (script === "") continue;
    await run(host, runs, [`${family}-restore`, "--noflush", "-w", "10"], script);
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

/** Returns the rules that there are; none where it is not installed, or the kernel has no tables. */
async function save(host: PluginHost, runs: PluginRuns, program: string): Promise<string> {
  try {
    return await run(host, runs, [program]);
  } catch (error) {
    if (isErrno(error, ENOENT)) return "";
    if (error instanceof ProgramError && NO_TABLES.test(error.message)) return "";
    throw error;
  }
}

/** A program has failed, or was killed; the message has what it says. */
class ProgramError extends Error {
  override name = "ProgramError";
}

/** Runs a program and returns its output. */
async function run(
  { spawn, timeoutMs }: PluginHost,
  runs: PluginRuns,
  argv: readonly [string, ...string[]],
  input = "",
): Promise<string> {
  const { exit, killed, stdout, stderr } = await runProgram(argv, {
    spawn,
    runs,
    env: { PATH: pluginPath() },
    input,
    timeoutMs,
    maxOutput: MAX_RULES,
  });
  if (exit?.status === 0) return stdout;
  const why = killed === "output"
    ? `wrote more than ${MAX_RULES} bytes and was killed`
    : killed === "late"
    ? `did not end within ${timeoutMs} ms and was killed`
    : `failed: ${stderr.trim().slice(0, MAX_MESSAGE) || `it ended with ${exit?.status}`}`;
  throw new ProgramError(`${argv[0]} ${why}`);
}

/**
 * Returns the script by which `iptables-restore --noflush` removes the rules that name the container, and
 * these chains; empty if there are none. Each table is changed as a whole or not at all.
 *
 * @param saved The output of `iptables-save`.
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
