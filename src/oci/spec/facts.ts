// SPDX-License-Identifier: MIT
// Reads single facts from an OCI spec.
import { cleanPath } from "../../linux/fs/path_names.ts";
import type { HostUser } from "../bundle_layout.ts";
import { asRecord } from "../../rpc/is_record.ts";
import { cgroupOfPath, isSystemdPath } from "./cgroups_path.ts";

/**
 * The annotation that names the signal which asks a container to end (image-spec, annotations.md).
 */
export const STOP_SIGNAL_ANNOTATION = "org.opencontainers.image.stopSignal";

/** A spec of which nothing is known but that it is a JSON object. */
type AnySpec = Readonly<Record<string, unknown>>;

/** Returns whether the spec has hooks of this kind (OCI runtime spec, "POSIX-platform Hooks"). */
export function hasHooks(spec: AnySpec, kind: "poststart"): boolean {
  const hooks = asRecord(spec["hooks"])?.[kind];
  return Array.isArray(hooks) && hooks.length > 0;
}

/**
 * Returns the namespaces that the spec lists (OCI runtime spec, "Namespaces"), each with the path of the
 * one to join, which is empty for a new one.
 */
export function namespacesOf(spec: AnySpec): { readonly type: unknown; readonly path: string }[] {
  const namespaces = asRecord(spec["linux"])?.["namespaces"];
  return (Array.isArray(namespaces) ? namespaces : []).map((namespace: unknown) => {
    const { type, path } = asRecord(namespace) ?? {};
    return { type, path: typeof path === "string" ? path : "" };
  });
}

/** Returns the stop signal that the spec names, as it is written; undefined if it names none. */
export function stopSignalIn(spec: AnySpec): string | undefined {
  const given = asRecord(spec["annotations"])?.[STOP_SIGNAL_ANNOTATION];
  return typeof given === "string" && given !== "" ? given : undefined;
}

/** Returns whether init's end takes every process of the container along (pid_namespaces(7)). */
export function hasOwnPidNamespace(spec: AnySpec): boolean {
  // A path names the namespace of other processes.
  return namespacesOf(spec).some(({ type, path }) => type === "pid" && path === "");
}

/**
 * Returns whether the spec mounts cgroups as the host sees them, without a cgroup namespace of the
 * container's own. Of cgroup v2 that sets the options of the host's mounts, too (cgroups(7), "Cgroups v2
 * mount options").
 */
export function mountsHostCgroups(spec: AnySpec): boolean {
  const mounts = spec["mounts"];
  const isCgroup = (mount: unknown) => /^cgroup2?$/.test(String(asRecord(mount)?.["type"]));
  return Array.isArray(mounts) && mounts.some(isCgroup) &&
    !namespacesOf(spec).some(({ type, path }) => type === "cgroup" && path === "");
}

/**
 * Returns the path of the cgroup that an OCI spec names (linux.cgroupsPath), at which the runtime,
 * or systemd for it, makes the cgroup in every hierarchy. Undefined where the runtime chooses the
 * place, by a relative path.
 */
export function cgroupsPathOf(spec: unknown): string | undefined {
  const path = asRecord(asRecord(spec)?.["linux"])?.["cgroupsPath"];
  const absolute = typeof path === "string" ? cgroupOfPath(path) : undefined;
  if (absolute === undefined) return undefined;
  const cleaned = cleanPath(absolute);
  return cleaned === "/" ? undefined : cleaned;
}

/** Returns whether systemd is to make the cgroup of a container with this spec. */
export function hasSystemdCgroup(spec: AnySpec): boolean {
  const path = asRecord(spec["linux"])?.["cgroupsPath"];
  return typeof path === "string" && isSystemdPath(path);
}

/**
 * Returns the host's user and group that root of the container's user namespace is mapped to
 * (OCI runtime spec, "User namespace mappings"); undefined where the spec maps none.
 */
export function mappedRoot(spec: AnySpec): HostUser | undefined {
  const linux = asRecord(spec["linux"]);
  const uid = hostIdOfRoot(linux?.["uidMappings"]);
  const gid = hostIdOfRoot(linux?.["gidMappings"]);
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function hostIdOfRoot(mappings: unknown): number | undefined {
  if (!Array.isArray(mappings)) return undefined;
  for (const mapping of mappings) {
    const { containerID, hostID } = Object(mapping);
    // JSON members that berth hands on may be numbers of any size; an id has 32 bits.
    if (Number(containerID) === 0 && Number(hostID) < 2 ** 32) return Number(hostID);
  }
  return undefined;
}

/** Names below `/proc/<pid>/ns` (namespaces(7)), where they are not the OCI runtime spec's types. */
const NAMESPACE_FILES: Readonly<Record<string, string>> = { network: "net", mount: "mnt" };

/** Returns the path of a process's namespace of one of the OCI runtime spec's types. */
export function namespaceFile(pid: number, type: string): string {
  return `/proc/${pid}/ns/${NAMESPACE_FILES[type] ?? type}`;
}

/** Returns the path of the network namespace that the spec names; undefined where it names none. */
export function networkNamespaceOf(spec: AnySpec): string | undefined {
  return namespacesOf(spec).find(({ type }) => type === "network")?.path || undefined;
}

/** Returns the host name of the spec, or else the container's id, as far as a host name may be long. */
export function hostnameOf({ hostname }: AnySpec, id: string): string {
  return typeof hostname === "string" && hostname !== "" ? hostname : id.slice(0, 64);
}
