// SPDX-License-Identifier: MIT
import { tryStat } from "../../linux/fs/try_stat.ts";
import { leadsNowhere } from "../../linux/libc/errno.ts";
import { bundlePaths, CRIU_CONFIG, FILE_PREFIX, filePath } from "../../oci/bundle_layout.ts";
import type { BundleRecord, RootfsMountRecord } from "../../oci/bundle_layout.ts";
import { CRIU_CONFIG_ANNOTATION } from "../../oci/driver/criu_config.ts";
import { isSystemdPath } from "../../oci/spec/cgroups_path.ts";
import {
  cgroupsPathOf,
  hasSystemdCgroup,
  mappedRoot,
  namespacesOf,
  stopSignalIn,
} from "../../oci/spec/facts.ts";
import { validateSpec } from "../../oci/spec/spec.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { asRecord } from "../../rpc/is_record.ts";
import type { ParamIssue } from "../../rpc/errors.ts";
import { logIssues, resolveLog } from "./log.ts";
import { serviceIssues } from "./service_params.ts";
import type { LogDefaults } from "./log.ts";
import type { ParsedParamsOf } from "../../rpc/contract/method.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";

/** The annotation by which CRI names the pod that a container belongs to. */
const POD_ANNOTATION = "io.kubernetes.cri.sandbox-id";

/** What the daemon adds to the params of a create. */
export interface CreateDefaults {
  readonly format: number;
  readonly instance: string;
  readonly runtime: string;
  readonly runtimeRoot: string;
  readonly createdAt: string;
  /** The root directory, below which logs are kept. */
  readonly root: string;
  readonly logs: LogDefaults;
}

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

/** An OCI spec that was validated as far as berth relies on it. */
export type CheckedSpec = Record<string, unknown>;

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
    withRootAndTerminal(given, rootfs.length > 0, bundleDir, stdio.terminal),
    cgroupsPath,
    cgroupParent,
  );
  const networkIssues = params.network === undefined ? [] : namedNetworkNamespace(own);
  const spec = params.network === undefined || networkIssues.length > 0
    ? own
    : withNetworkNamespace(own, networkNamespace);
  const issues = [
    ...validateSpec(spec, { rootfsMounted: rootfs.length > 0 }).map((issue) => ({
      ...issue,
      path: join("spec", issue.path),
    })),
    ...stdioIssues(stdio),
    ...logIssues(params.log, stdio, logs),
    ...rootfs.flatMap((mount, index) => sourceIssues(mount, `rootfs.${index}.source`)),
    ...checkpointIssues(params.checkpoint),
    ...networkIssues,
    ...serviceIssues(params, root),
  ];
  if (issues.length > 0) {
    throw new InvalidParamsError(`cannot create container ${id}: ${describe(issues)}`, issues, {
      data: { id },
    });
  }
  const group = params.group ?? podOf(spec);
  const planned = cgroupsPathOf(spec);
  const mapped = mappedRoot(spec);
  const stopSignal = stopSignalIn(spec);
  return {
    spec,
    record: {
      ...defaults,
      id,
      ...(params.runtime === undefined ? {} : { runtime: params.runtime }),
      stdio,
      ...(params.log === undefined ? {} : { log: resolveLog(id, params.log, logs, root) }),
      rootfs,
      ...(mapped === undefined ? {} : { mappedRoot: mapped }),
      noPivot: params.noPivot ?? false,
      systemdCgroup: hasSystemdCgroup(spec),
      labels: params.labels ?? {},
      ...(params.network === undefined ? {} : { network: params.network }),
      ...(planned === undefined ? {} : { cgroupsPath: planned }),
      ...(group === undefined ? {} : { group }),
      ...(stopSignal === undefined ? {} : { stopSignal }),
      ...(params.stopTimeout === undefined ? {} : { stopTimeout: params.stopTimeout }),
      ...(params.autoRemove ? { autoRemove: true, removeDirs: params.removeDirs ?? [] } : {}),
      ...(params.checkpoint === undefined ? {} : { checkpoint: params.checkpoint }),
    },
  };
}

/** Checks the stdio of a create or an exec: each FIFO must be there and be one. */
export function stdioIssues(
  stdio: { readonly [name in "stdin" | "stdout" | "stderr"]?: string | undefined },
): ParamIssue[] {
  const issues: ParamIssue[] = [];
  for (const name of ["stdin", "stdout", "stderr"] as const) {
    const target = stdio[name] ?? "";
    const file = filePath(target);
    const path = file ?? target;
    if (!path.startsWith("/")) continue;
    const fifo = tryStat(path)?.isFifo;
    if (file !== undefined && fifo === true) {
      issues.push({ path: name, message: `${path} is a FIFO: name it without ${FILE_PREFIX}` });
    } else if (file === undefined && fifo !== true) {
      const message = fifo === false
        ? `${path} is not a FIFO (a file is ${FILE_PREFIX}${path})`
        : `there is no FIFO ${path}`;
      issues.push({ path: name, message });
    }
  }
  return issues;
}

/** Returns the parts of a message that name what does not fit. */
export function describe(issues: readonly ParamIssue[]): string {
  return issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`).join(
    "; ",
  );
}

/** Returns an issue if a bind mount's source does not exist. */
function sourceIssues(
  mount: RootfsMountRecord,
  path: string,
): ParamIssue[] {
  const bind = mount.type === "bind" || mount.type === "none" ||
    mount.options?.some((option) => option === "bind" || option === "rbind");
  if (!bind) return [];
  try {
    Deno.statSync(mount.source);
  } catch (error) {
    if (leadsNowhere(error)) return [{ path, message: `there is no ${mount.source}` }];
    // Others, EACCES of a FUSE filesystem say, need not keep it from being mounted.
  }
  return [];
}

function checkpointIssues(checkpoint: string | undefined): ParamIssue[] {
  if (checkpoint === undefined) return [];
  try {
    if (Deno.statSync(checkpoint).isDirectory) return [];
  } catch (error) {
    if (!leadsNowhere(error)) throw error;
  }
  return [{ path: "checkpoint", message: `there is no directory ${checkpoint}` }];
}

function withRootAndTerminal(
  spec: CheckedSpec,
  mounted: boolean,
  bundleDir: string,
  terminal: boolean,
): CheckedSpec {
  const changed: CheckedSpec = { ...spec };
  if (mounted) changed["root"] = { ...asRecord(spec["root"]), path: `${bundleDir}/rootfs` };
  const process = asRecord(spec["process"]);
  if (process !== undefined) {
    // 0 is what a process has by default; the shim's own is not to be inherited.
    changed["process"] = { ...process, oomScoreAdj: process["oomScoreAdj"] ?? 0, terminal };
  }
  return changed;
}

/**
 * Names the cgroup where the spec leaves it to the runtime, which would take one by the id alone;
 * or by a relative path, which each runtime takes to be somewhere else. So it is known before it is
 * made.
 */
function withCgroup(spec: CheckedSpec, cgroupsPath: string, parent: string): CheckedSpec {
  const linux = asRecord(spec["linux"]);
  const named = linux?.["cgroupsPath"];
  if (typeof named !== "string" || named === "") {
    return { ...spec, linux: { ...linux, cgroupsPath } };
  }
  if (named.startsWith("/") || isSystemdPath(named)) return spec;
  return { ...spec, linux: { ...linux, cgroupsPath: `${parent}/${named}` } };
}

/** Returns what is wrong with a spec whose container gets a network: it has one by itself. */
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

/** Puts the container into the network namespace at `path`. */
export function withNetworkNamespace(spec: CheckedSpec, path: string): CheckedSpec {
  const linux = asRecord(spec["linux"]);
  const given = linux?.["namespaces"];
  const namespaces = Array.isArray(given) ? given : [];
  const others = namespaces.filter((namespace) => asRecord(namespace)?.["type"] !== "network");
  return { ...spec, linux: { ...linux, namespaces: [...others, { type: "network", path }] } };
}

/**
 * Returns whether a checkpoint or a restore of the container has to be told what runc has no
 * options for.
 */
function needsCriuConfig(
  { log, stdin = "", stdout = "", stderr = "", checkpoint }: ParsedParamsOf<
    DaemonContract,
    "container.create"
  >,
): boolean {
  return log !== undefined || checkpoint !== undefined || stdin + stdout + stderr !== "";
}

/**
 * Has the runtime hand CRIU a config file of the bundle's, in which the shim names the stdio,
 * unless the spec names one or says that there is none. The bundle of a checkpoint was another.
 */
function withCriuConfig(spec: CheckedSpec, path: string): CheckedSpec {
  const annotations = asRecord(spec["annotations"] ?? {});
  // What is wrong with it is told later.
  if (annotations === undefined) return spec;
  const named = annotations[CRIU_CONFIG_ANNOTATION];
  const isOwn = typeof named === "string" && named.endsWith(`/${CRIU_CONFIG}`);
  if (named !== undefined && !isOwn) return spec;
  return { ...spec, annotations: { ...annotations, [CRIU_CONFIG_ANNOTATION]: path } };
}

function podOf(spec: CheckedSpec): string | undefined {
  const pod = asRecord(spec["annotations"])?.[POD_ANNOTATION];
  return typeof pod === "string" && pod !== "" ? pod : undefined;
}

function join(prefix: string, path: string): string {
  return path === "" ? prefix : `${prefix}.${path}`;
}
