// SPDX-License-Identifier: MIT
// The namespaces that a container shares with others, which may be run again.
import { exists } from "../../linux/fs/exists.ts";
import { processStat } from "../../linux/process/stat.ts";
import type { SharedNamespaceRecord } from "../../oci/bundle_layout.ts";
import { namespaceFile, namespacesOf } from "../../oci/spec/facts.ts";
import { asRecord } from "../../rpc/is_record.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import type { CheckedSpec } from "./spec_changes.ts";

/** A container that others may share namespaces of. */
export interface NamespaceOwner {
  readonly id: string;
  /** The pid of its init; 0 if it has none that lives. */
  readonly pid: number;
  /** Path of the network namespace that berth has made for it. */
  readonly networkNamespace: string;
}

/**
 * Returns the owners of a spec's namespaces, as far as its paths name those of other containers or
 * processes: a path alone may lead to another process, or nowhere, once they have ended.
 */
export function sharedNamespaces(
  spec: CheckedSpec,
  owners: () => readonly NamespaceOwner[],
): SharedNamespaceRecord[] {
  return namespacesOf(spec).flatMap(({ type, path }): SharedNamespaceRecord[] => {
    if (typeof type !== "string" || path === "") return [];
    const pid = Number(/^\/proc\/(\d+)\/ns\/\w+$/.exec(path)?.[1] ?? 0);
    const owner = owners().find((each) =>
      pid > 0 ? each.pid === pid : type === "network" && each.networkNamespace === path
    );
    if (owner !== undefined) return [{ type, container: owner.id }];
    const startTime = pid > 0 ? processStat(pid)?.startTime : undefined;
    return startTime === undefined ? [] : [{ type, pid, startTime }];
  });
}

/**
 * Returns the spec of a container that is to run again, in the namespaces that their owners have now.
 *
 * @throws {FailedPreconditionError} if one of them does not run.
 */
export function joinAgain(
  id: string,
  spec: CheckedSpec,
  shared: readonly SharedNamespaceRecord[],
  find: (id: string) => NamespaceOwner | undefined,
): CheckedSpec {
  if (shared.length === 0) return spec;
  const paths = new Map(shared.map((each) => [each.type, pathOf(id, each, find)]));
  const linux = asRecord(spec["linux"]);
  const given = linux?.["namespaces"];
  const namespaces = (Array.isArray(given) ? given : []).map((namespace: unknown) => {
    const one = asRecord(namespace);
    const path = paths.get(String(one?.["type"]));
    return path === undefined ? namespace : { ...one, path };
  });
  return { ...spec, linux: { ...linux, namespaces } };
}

function pathOf(
  id: string,
  shared: SharedNamespaceRecord,
  find: (id: string) => NamespaceOwner | undefined,
): string {
  const { type } = shared;
  if ("container" in shared) {
    const owner = find(shared.container);
    if (owner === undefined || owner.pid === 0) {
      throw new FailedPreconditionError(
        `container ${id}: container ${shared.container}, whose ${type} namespace it shares, ` +
          (owner === undefined ? "is gone" : "does not run: start it first"),
        { data: { id } },
      );
    }
    // Pinned: unlike the pid it cannot become another's.
    if (type === "network" && exists(owner.networkNamespace)) return owner.networkNamespace;
    return namespaceFile(owner.pid, type);
  }
  if (processStat(shared.pid)?.startTime !== shared.startTime) {
    throw new FailedPreconditionError(
      `container ${id}: process ${shared.pid}, whose ${type} namespace it shares, has ended: ` +
        "remove the container, and create it again",
      { data: { id } },
    );
  }
  return namespaceFile(shared.pid, type);
}
