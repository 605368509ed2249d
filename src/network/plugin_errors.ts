// SPDX-License-Identifier: MIT
// The errors of plugins.
import {
  BerthError,
  DeadlineExceededError,
  FailedPreconditionError,
  NetworkError,
  ResourceExhaustedError,
} from "../rpc/errors.ts";

/** The container and network that a plugin was run for. */
export interface PluginTarget {
  /** The container's id. */
  readonly id: string;
  /** The network's name. */
  readonly network: string;
  /** The plugin's type. */
  readonly plugin: string;
}

/** Debian's package of the plugins. */
export const PLUGINS_PACKAGE = "containernetworking-plugins";

function subject({ id, network, plugin }: PluginTarget): string {
  return `container ${id}: network ${network}: plugin ${plugin}`;
}

/** Returns the error for a plugin whose program is in none of the directories. */
export function missingPlugin(
  target: PluginTarget,
  dirs: readonly string[],
): FailedPreconditionError {
  return new FailedPreconditionError(
    `${subject(target)} is not in ${dirs.join(", ")}: install ${PLUGINS_PACKAGE}`,
    { data: { ...target } },
  );
}

/** Returns the error for a plugin that did not end in time and was killed. */
export function hangingPlugin(
  target: PluginTarget,
  command: string,
  timeoutMs: number,
): DeadlineExceededError {
  return new DeadlineExceededError(
    `${subject(target)}: ${command} did not end within ${timeoutMs} ms and was killed`,
    { data: { ...target } },
  );
}

function failed(target: PluginTarget, command: string, message: string): string {
  return `${subject(target)}: ${command} failed: ${message}`;
}

/** The failure of a plugin: CNI specification, "Error". */
export interface PluginFailure {
  readonly command: string;
  /** The plugin's own message, or what stands in for one. */
  readonly message: string;
  /** CNI's code; undefined if the plugin gave no error of CNI. */
  readonly code?: number | undefined;
  /** Why the plugin could not be started. */
  readonly cause?: Error;
}

/** host-local's message when every address is taken. */
const POOL_IS_FULL = /no IP addresses available/;

/**
 * Failures of iptables in the words of go-iptables, by which plugins run it. 4 is `RESOURCE_PROBLEM` of
 * xtables: with nf_tables each change that the kernel refuses, such as a chain that another process has
 * made since the rules were read; with the legacy tables also a lock that was not given in time. What
 * the kernel does not support it never will.
 */
const IPTABLES_CLASH = /\[\S*ip6?tables\S* .*\]: exit status 4\b/;

/** Returns whether a plugin failed since its iptables clashed with another process of it. */
export function isIptablesClash(error: unknown): error is NetworkError {
  return error instanceof NetworkError && IPTABLES_CLASH.test(error.message) &&
    !error.message.includes("not supported");
}

/** Returns the error for a plugin that failed. A full pool is a resource that is exhausted. */
export function pluginFailed(
  target: PluginTarget,
  { command, message, code, cause }: PluginFailure,
): NetworkError | ResourceExhaustedError {
  const text = failed(target, command, message);
  const data = { ...target, ...(code === undefined ? {} : { cniCode: code }) };
  return POOL_IS_FULL.test(message)
    ? new ResourceExhaustedError(text, { data })
    : new NetworkError(text, { cause, data });
}

/**
 * Returns the message of an error of CNI that a plugin gave; undefined for any other failure, such as that
 * it was killed.
 */
export function pluginMessage(
  error: unknown,
  target: PluginTarget,
  command: string,
): string | undefined {
  const start = failed(target, command, "");
  if (!(error instanceof NetworkError) || error.data["cniCode"] === undefined) return undefined;
  return error.message.startsWith(start) ? error.message.slice(start.length) : undefined;
}

/** Returns whether an error is one of the above. */
export function isNetworkFailure(error: unknown): boolean {
  return error instanceof BerthError && typeof error.data["network"] === "string";
}
