// SPDX-License-Identifier: MIT
// The changes that the daemon makes to the OCI spec of a client.
import { cleanPath } from "../../linux/fs/path_names.ts";
import { MS_RDONLY, parseMountOptions } from "../../linux/mount/options.ts";
import type { RootfsMountRecord } from "../../oci/bundle_layout.ts";
import { CRIU_CONFIG_ANNOTATION, namesOwnCriuConfig } from "../../oci/driver/criu_config.ts";
import { isSystemdPath } from "../../oci/spec/cgroups_path.ts";
import { asRecord } from "../../rpc/is_record.ts";

/** An OCI spec that was validated as far as berth relies on it. */
export type CheckedSpec = Record<string, unknown>;

/** Sets the rootfs that the shim mounts, and the members of the process that the daemon decides. */
export function withRootAndTerminal(
  spec: CheckedSpec,
  rootfs: readonly RootfsMountRecord[],
  bundleDir: string,
  terminal: boolean,
): CheckedSpec {
  const changed: CheckedSpec = { ...spec };
  if (rootfs.length > 0) {
    const readonly = isReadOnly(rootfs) && { readonly: true };
    changed["root"] = { ...asRecord(spec["root"]), path: `${bundleDir}/rootfs`, ...readonly };
  }
  const process = asRecord(spec["process"]);
  if (process !== undefined) {
    // 0 is the default of a process; the shim's own is not to be inherited.
    changed["process"] = { ...process, oomScoreAdj: process["oomScoreAdj"] ?? 0, terminal };
  }
  return changed;
}

/**
 * Returns whether the root of these mounts is read-only. crun makes that of a container writable whose
 * spec does not say so, and what it writes then is in the mount's source.
 */
function isReadOnly(rootfs: readonly RootfsMountRecord[]): boolean {
  const root = rootfs.findLast(({ target = "/" }) => cleanPath(target) === "/");
  return (parseMountOptions(root?.options ?? []).set & MS_RDONLY) !== 0;
}

/**
 * Names the cgroup where the spec leaves it to the runtime, which would take one by the id alone;
 * or by a relative path, which each runtime takes to be somewhere else. So it is known before it is
 * made.
 */
export function withCgroup(spec: CheckedSpec, cgroupsPath: string, parent: string): CheckedSpec {
  const linux = asRecord(spec["linux"]);
  const named = linux?.["cgroupsPath"];
  if (typeof named !== "string" || named === "") {
    return { ...spec, linux: { ...linux, cgroupsPath } };
  }
  if (named.startsWith("/") || isSystemdPath(named)) return spec;
  return { ...spec, linux: { ...linux, cgroupsPath: `${parent}/${named}` } };
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
 * Makes the runtime hand CRIU a config file of the bundle's, which a checkpoint or a restore writes,
 * unless the spec names one or says that there is none. The bundle of a checkpoint was another.
 */
export function withCriuConfig(spec: CheckedSpec, path: string): CheckedSpec {
  const annotations = asRecord(spec["annotations"] ?? {});
  // A later check reports what is wrong with it.
  if (annotations === undefined) return spec;
  const isNamed = annotations[CRIU_CONFIG_ANNOTATION] !== undefined;
  if (isNamed && !namesOwnCriuConfig(annotations)) return spec;
  return { ...spec, annotations: { ...annotations, [CRIU_CONFIG_ANNOTATION]: path } };
}
