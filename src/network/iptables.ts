// SPDX-License-Identifier: MIT
import { ENOENT, isErrno } from "../linux/libc/errno.ts";
import type { PluginHost } from "./plugin.ts";
import { programPath, runProgram } from "./run_program.ts";

/** A chain that plugins make for one container: its name ends in a hash of network and container. */
const OWN_CHAIN = /^CNI-([A-Z]+-)?[0-9a-f]{16,}$/;

/**
 * Removes the rules whose comment names the container, with the chains of its own. They are what a
 * plugin leaves that is killed in its DEL: `bridge` removes the interface first, and then, and only by
 * the addresses that the interface had, its masquerade rules, which no later DEL finds (plugins#810).
 *
 * @throws {Error} with what `iptables-restore` says.
 */
export async function removeRules(host: PluginHost, containerId: string): Promise<void> {
  for (const family of ["iptables", "ip6tables"]) {
    const saved = await run(host, `${family}-save`, []);
    const script = removalScript(saved ?? "", containerId);
    if (script !== "") await run(host, `${family}-restore`, ["--noflush", "-w", "10"], script);
  }
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
      env: { PATH: programPath() },
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
 * Returns what `iptables-restore --noflush` reads to remove the rules that name the container; empty if
 * there are none. Each table is changed as a whole or not at all.
 *
 * @param saved what `iptables-save` wrote.
 */
export function removalScript(saved: string, containerId: string): string {
  return saved.split(/^COMMIT$/m).map((text) => tableScript(text.split("\n"), containerId)).join(
    "",
  );
}

function tableScript(lines: readonly string[], containerId: string): string {
  const table = lines.find((line) => line.startsWith("*"));
  const rules = lines.filter((line) => line.startsWith("-A ") && line.includes(containerId))
    .map((line) => line.slice("-A ".length));
  if (table === undefined || rules.length === 0) return "";
  const named = rules.flatMap((rule) => [chainOf(rule), / -j (\S+)$/.exec(rule)?.[1] ?? ""]);
  const chains = [...new Set(named)].filter((chain) => OWN_CHAIN.test(chain));
  return [
    table,
    // A chain can be deleted that is empty and that no rule leads to.
    ...rules.filter((rule) => !chains.includes(chainOf(rule))).map((rule) => `-D ${rule}`),
    ...chains.map((chain) => `-F ${chain}`),
    ...chains.map((chain) => `-X ${chain}`),
    "COMMIT\n",
  ].join("\n");
}

function chainOf(rule: string): string {
  return rule.split(" ", 1)[0] ?? "";
}
