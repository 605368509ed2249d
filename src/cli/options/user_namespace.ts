// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";
import { parseIdMappings, type UserNamespace } from "../../oci/user_namespace/id_mapping.ts";
import { freeUserNamespace, remapTo } from "../../oci/user_namespace/subordinate_ids.ts";
import type { DaemonConnection } from "../common/daemon.ts";
import { listAllContainers } from "../common/list_containers.ts";
import { CliError } from "../common/exit_status.ts";
import type { NetworkMode, SharedWith } from "./namespaces.ts";

/** The label that keeps the first uid of a container's own part of the subordinate ids. */
export const USERNS_LABEL = "berth.userns";

/** What `--userns` says. */
export type UserNamespaceMode = "host" | "auto" | UserNamespace;

/** Parses `--userns`: host, auto, or a map of users and groups. */
export function parseUserNamespace(text: string): UserNamespaceMode {
  if (text === "host" || text === "auto") return text;
  const mappings = parseIdMappings(text);
  if (mappings === undefined) {
    throw new InvalidArgumentError(
      "expected host, auto, or CONTAINER:HOST:SIZE[,…] with id 0 of the container in it",
    );
  }
  return { uidMappings: mappings, gidMappings: mappings };
}

/** The options that concern the user namespace. */
export interface UserNamespaceOptions {
  readonly userns?: UserNamespaceMode;
  readonly privileged?: true;
  readonly network?: NetworkMode;
  readonly pid?: SharedWith;
  readonly ipc?: SharedWith;
}

/**
 * Returns a function that tells the user namespace of a container by its id; of none that has the
 * host's. Throws a {@linkcode CliError} where the options do not go together.
 *
 * @param remap the user whose subordinate ids containers get that ask for nothing else.
 */
export async function findUserNamespace(
  daemon: DaemonConnection,
  options: UserNamespaceOptions,
  remap: string | undefined,
): Promise<(id: string) => UserNamespace | undefined> {
  const mode = options.userns ?? (remap === undefined ? "host" : remapTo(remap));
  if (mode === "host") return () => undefined;
  refuseShared(options);
  if (mode !== "auto") return () => mode;
  const containers = await listAllContainers((params) => daemon.call("container.list", params));
  const taken = new Set(containers.map(({ labels }) => Number(labels[USERNS_LABEL])));
  return (id) => freeUserNamespace(id, taken);
}

/** As docker: what belongs to the host's user namespace would not obey the container's root. */
function refuseShared({ privileged, network, pid, ipc }: UserNamespaceOptions): void {
  const shared = [
    ...privileged ? ["--privileged"] : [],
    ...network === "host" || isContainer(network) ? ["--network"] : [],
    ...pid !== undefined && pid !== "private" ? ["--pid"] : [],
    ...ipc !== undefined && ipc !== "private" ? ["--ipc"] : [],
  ];
  if (shared.length === 0) return;
  throw new CliError(
    `a container with a user namespace of its own cannot share what belongs to the host's: ` +
      `leave out ${shared.join(", ")}, or give --userns host`,
  );
}

function isContainer(network: NetworkMode | undefined): boolean {
  return typeof network === "object" && "container" in network;
}
