// SPDX-License-Identifier: MIT
import { requireNoIssues } from "../util/require_no_issues.ts";
import { bundlePaths, type BundleRecord, type RootfsMountRecord } from "../../oci/bundle_layout.ts";
import {
  cgroupsPathOf,
  hasSystemdCgroup,
  mappedRoot,
  namespacesOf,
  stopSignalIn,
} from "../../oci/spec/facts.ts";
import { validateSpec } from "../../oci/spec/spec.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParsedParamsOf } from "../../rpc/contract/method.ts";
import type { ParamIssue } from "../../rpc/errors.ts";
import { asRecord } from "../../rpc/is_record.ts";
import type { Config } from "../config/config.ts";
import { logIssues, resolveLog } from "./log.ts";
import {
  checkpointIssues,
  isOciBind,
  mountIssues,
  sourceIssues,
  stdioIssues,
} from "./path_issues.ts";
import { serviceIssues } from "./service_params.ts";
import type { CheckedSpec } from "./spec_changes.ts";
import {
  withCgroup,
  withCriuConfig,
  withNetworkNamespace,
  withRootAndTerminal,
} from "./spec_changes.ts";

/** The annotation by which CRI names the pod that a container belongs to. */
const POD_ANNOTATION = "io.kubernetes.cri.sandbox-id";

/** The members of a new container's record that its params do not give, and the config of its log. */
export interface CreateDefaults
  extends
    Pick<BundleRecord, "format" | "instance" | "runtime" | "runtimeRoot" | "createdAt">,
    Pick<Config, "root" | "logs"> {}

/** Where a container is put. */
export interface CreatePlaces {
  readonly bundleDir: string;
  /** The cgroup of a container whose spec names none. */
  readonly cgroupsPath: string;
  /** The cgroup below which a relative path of the spec is. */
  readonly cgroupParent: string;
  /** The network namespace of a container whose network CNI plugins make. */
  readonly networkNamespace: string;
}

/**
 * Checks what the schema of `container.create` cannot: the OCI spec, the stdio paths, the rootfs
 * sources, the checkpoint. Returns the spec to write and the bundle's record.
 *
 * @throws {InvalidParamsError} naming each path that does not fit; nothing was touched.
 */
export function checkCreate(
  params: ParsedParamsOf<DaemonContract, "container.create">,
  { root, logs, ...defaults }: CreateDefaults,
  { bundleDir, cgroupsPath, cgroupParent, networkNamespace }: CreatePlaces,
): { spec: CheckedSpec; record: BundleRecord } {
  const { id } = params;
  const rootfs = params.rootfs ?? [];
  const stdio = {
    stdin: params.stdin ?? "",
    stdout: params.stdout ?? "",
    stderr: params.stderr ?? "",
    terminal: params.terminal ?? false,
  };
  const given = needsCriuConfig(params)
    ? withCriuConfig(params.spec, bundlePaths(bundleDir).criuConfig)
    : params.spec;
  const own = withCgroup(
    withRootAndTerminal(given, rootfs, bundleDir, stdio.terminal),
    cgroupsPath,
    cgroupParent,
  );
  const networkIssues = params.network === undefined ? [] : namedNetworkNamespace(own);
  const spec = params.network === undefined || networkIssues.length > 0
    ? own
    : withNetworkNamespace(own, networkNamespace);
  const specIssues = validateSpec(spec, { rootfsMounted: rootfs.length > 0 });
  const issues = [
    ...specIssues.map((issue) => ({ ...issue, path: join("spec", issue.path) })),
    // Of a spec that is none it may not be asked where its mounts lead.
    ...specIssues.length > 0 ? [] : mountIssues(spec["mounts"], rootDirectory(spec, rootfs)),
    ...stdioIssues(stdio),
    ...logIssues(params.log, stdio, logs),
    ...rootfs.flatMap((mount, index) => sourceIssues(mount, `rootfs.${index}.source`)),
    ...checkpointIssues(params.checkpoint),
    ...networkIssues,
    ...serviceIssues(params, root),
  ];
  requireNoIssues("create", id, issues);
  return {
    spec,
    record: {
      ...defaults,
      id,
      runtime: params.runtime ?? defaults.runtime,
      stdio,
      log: params.log && resolveLog(id, params.log, logs, root),
      rootfs,
      mappedRoot: mappedRoot(spec),
      noPivot: params.noPivot ?? false,
      systemdCgroup: hasSystemdCgroup(spec),
      labels: params.labels ?? {},
      network: params.network,
      cgroupsPath: cgroupsPathOf(spec),
      group: params.group ?? podOf(spec),
      stopSignal: stopSignalIn(spec),
      stopTimeout: params.stopTimeout,
      ...(params.autoRemove ? { autoRemove: true, removeDirs: params.removeDirs ?? [] } : {}),
      checkpoint: params.checkpoint,
    },
  };
}

/** Returns the directory of the root filesystem; undefined where mounts are to make it. */
function rootDirectory(
  spec: CheckedSpec,
  [first, ...more]: readonly RootfsMountRecord[],
): string | undefined {
  if (first === undefined) {
    const path = asRecord(spec["root"])?.["path"];
    return typeof path === "string" && path.startsWith("/") ? path : undefined;
  }
  return more.length === 0 && isOciBind(first) ? first.source : undefined;
}

/** Returns an issue if the spec of a container that gets a network names a namespace for it. */
function namedNetworkNamespace(spec: CheckedSpec): ParamIssue[] {
  return namespacesOf(spec).flatMap(({ type, path }, index) =>
    type === "network" && path !== ""
      ? [{
        path: `spec.linux.namespaces.${index}.path`,
        message: "cannot be given together with `network`, which makes the namespace",
      }]
      : []
  );
}

/**
 * Returns whether a checkpoint or a restore of the container needs settings for which runc has no
 * options.
 */
function needsCriuConfig(
  { log, stdin = "", stdout = "", stderr = "", checkpoint }: ParsedParamsOf<
    DaemonContract,
    "container.create"
  >,
): boolean {
  return log !== undefined || checkpoint !== undefined || stdin + stdout + stderr !== "";
}

function podOf(spec: CheckedSpec): string | undefined {
  const pod = asRecord(spec["annotations"])?.[POD_ANNOTATION];
  return typeof pod === "string" && pod !== "" ? pod : undefined;
}

function join(prefix: string, path: string): string {
  return path === "" ? prefix : `${prefix}.${path}`;
}
