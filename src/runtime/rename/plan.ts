// SPDX-License-Identifier: MIT
import { splitOptions } from "../../linux/mount/options.ts";
import type { BundleRecord, ExitRecord } from "../../oci/bundle_layout.ts";
import { CRIU_CONFIG_ANNOTATION } from "../../oci/driver/criu_config.ts";
import { renamedCgroupsPath } from "../../oci/spec/cgroups_path.ts";
import { cgroupsPathOf } from "../../oci/spec/facts.ts";
import { asRecord } from "../../rpc/is_record.ts";
import type { Definition } from "../definitions/definition_files.ts";
import { type Move, MovedPaths, type MovedPathsOptions } from "./moved_paths.ts";

/** All steps of a rename, so that a daemon can finish one that another has begun. */
export interface RenamePlan {
  /** The container's id before. */
  readonly from: string;
  /** The container's id afterwards. */
  readonly to: string;
  /** The directories to move. */
  readonly moves: readonly Move[];
  /** The definition under the new id. */
  readonly definition: Definition;
  /** How the last instance ended. */
  readonly exit: ExitRecord;
}

/** The daemon's directories, the new id, and the end of the last instance. */
export type RenamePlanOptions = Omit<MovedPathsOptions, "from"> & Pick<RenamePlan, "exit">;

/** Plans the rename of a container that has nothing but a definition. Nothing is touched. */
export function planRename(
  { spec, record, service }: Definition,
  { root, bundles, to, exit }: RenamePlanOptions,
): RenamePlan {
  const from = record.id;
  const paths = new MovedPaths({ root, bundles, from, to });
  const definition = {
    spec: movedSpec(spec, from, to, paths),
    record: movedRecord(record, to, paths),
    service,
  };
  const cgroupsPath = cgroupsPathOf(definition.spec);
  return {
    from,
    to,
    moves: paths.moves,
    definition: cgroupsPath === undefined
      ? definition
      : { ...definition, record: { ...definition.record, cgroupsPath } },
    exit,
  };
}

function movedRecord(record: BundleRecord, to: string, paths: MovedPaths): BundleRecord {
  const { stdio, log, rootfs, labels, network, removeDirs } = record;
  return {
    ...record,
    id: to,
    stdio: {
      ...stdio,
      stdin: paths.stdio(stdio.stdin),
      stdout: paths.stdio(stdio.stdout),
      stderr: paths.stdio(stdio.stderr),
    },
    log: log && { ...log, path: paths.path(log.path) },
    rootfs: rootfs.map((mount) => ({
      ...mount,
      source: paths.path(mount.source),
      ...(mount.options && {
        options: mount.options.flatMap(splitOptions).map((one) => paths.mountOption(one)),
      }),
    })),
    // Some of them name directories, which their client removes with the container.
    labels: mapTexts(labels, (value) => paths.path(value)),
    network: network && {
      ...network,
      ...movedMembers(network, ["hostsFile", "resolvFile"], paths),
    },
    ...(removeDirs === undefined ? {} : { removeDirs: removeDirs.map((dir) => paths.path(dir)) }),
  };
}

function movedSpec(
  spec: Record<string, unknown>,
  from: string,
  to: string,
  paths: MovedPaths,
): Record<string, unknown> {
  const root = asRecord(spec["root"]);
  const mounts: unknown = spec["mounts"];
  const annotations = asRecord(spec["annotations"]);
  const linux = asRecord(spec["linux"]);
  const cgroup: unknown = linux?.["cgroupsPath"];
  return {
    ...spec,
    ...(root && { root: { ...root, ...movedMembers(root, ["path"], paths) } }),
    ...(Array.isArray(mounts) && {
      mounts: mounts.map((mount: unknown) => {
        const one = asRecord(mount);
        return one === undefined ? mount : { ...one, ...movedMembers(one, ["source"], paths) };
      }),
    }),
    ...(annotations && {
      annotations: {
        ...annotations,
        ...movedMembers(annotations, [CRIU_CONFIG_ANNOTATION], paths),
      },
    }),
    ...(typeof cgroup === "string" && {
      linux: { ...linux, cgroupsPath: renamedCgroupsPath(cgroup, from, to) },
    }),
  };
}

/** Returns those of the members that are paths, as they are afterwards. */
function movedMembers(
  record: Readonly<Record<string, unknown>>,
  names: readonly string[],
  paths: MovedPaths,
): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => {
    const path = record[name];
    return typeof path === "string" ? [[name, paths.path(path)]] : [];
  }));
}

function mapTexts(
  texts: Readonly<Record<string, string>>,
  map: (text: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, map(text)]));
}
