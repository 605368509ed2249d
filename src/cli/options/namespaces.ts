// SPDX-License-Identifier: MIT
// The options that share namespaces with the host or another container.
import { InvalidArgumentError } from "commander";
import { ID_PATTERN } from "../../rpc/contract/ids.ts";
import type { SharedNamespace } from "../../oci/spec/default_spec.ts";
import { namespaceFile } from "../../oci/spec/facts.ts";
import type { DaemonConnection } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";

/** The other side of a shared namespace: a word such as `host`, or another container. */
export type SharedWith = string | { readonly container: string };

/** Reads `container:ID`; undefined for any other text. */
export function parseContainer(text: string): { readonly container: string } | undefined {
  const id = text.startsWith("container:") ? text.slice("container:".length) : "";
  return ID_PATTERN.test(id) ? { container: id } : undefined;
}

/** Returns a parser of one of `words`, or of `container:ID`. */
export function parseNamespace(words: readonly string[]): (text: string) => SharedWith {
  return (text) => {
    if (words.includes(text)) return text;
    const container = parseContainer(text);
    if (container !== undefined) return container;
    throw new InvalidArgumentError(`expected ${[...words, "container:ID"].join(", ")}`);
  };
}

/** The value of `--network`: a namespace to share, loopback alone, or networks of CNI plugins. */
export type NetworkMode = SharedWith | { readonly networks: readonly string[] };

/** The options that name namespaces to share. */
export type NamespaceOptions =
  & Readonly<Partial<Record<Exclude<SharedNamespace, "network">, SharedWith>>>
  & { readonly hostname?: string; readonly network?: NetworkMode };

/** Namespaces to share, as the spec takes them: `host`, or a path. */
export type Namespaces = Partial<Record<SharedNamespace, string>>;

/**
 * Looks up the namespaces that the options ask for. Throws a {@linkcode CliError} where another
 * container does not run, or a host name is asked for in another's UTS namespace.
 */
export async function findNamespaces(
  daemon: DaemonConnection,
  options: NamespaceOptions,
  signal: AbortSignal,
): Promise<Namespaces> {
  if (options.uts !== undefined && options.hostname !== undefined) {
    throw new CliError("--hostname needs a UTS namespace of the container's own: leave out --uts");
  }
  const found: Namespaces = {};
  for (const type of ["network", "pid", "ipc", "uts"] as const) {
    const shared = options[type];
    if (shared === undefined || shared === "none" || shared === "private") continue;
    // Networks of CNI plugins: the daemon makes the namespace.
    if (typeof shared === "object" && "networks" in shared) continue;
    found[type] = typeof shared === "string"
      ? shared
      : await pathOf(daemon, shared.container, type, signal);
  }
  return found;
}

async function pathOf(
  daemon: DaemonConnection,
  id: string,
  type: SharedNamespace,
  signal: AbortSignal,
): Promise<string> {
  const { pid, status, network } = await daemon.call("container.state", { id }, { signal });
  if (status === "stopped") throw new CliError(`cannot share the ${type} of ${id}: it has exited`);
  // Pinned: unlike the pid it cannot become another's.
  if (type === "network" && network !== undefined) return network.namespace;
  return namespaceFile(pid, type);
}
