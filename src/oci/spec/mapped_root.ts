// SPDX-License-Identifier: MIT
import type { HostUser } from "../bundle_layout.ts";

/**
 * Returns the host's user and group that root of the container's user namespace is mapped to
 * (OCI runtime spec, "User namespace mappings"); undefined where the spec maps none.
 */
export function mappedRoot(spec: Readonly<Record<string, unknown>>): HostUser | undefined {
  const linux = spec["linux"];
  if (typeof linux !== "object" || linux === null) return undefined;
  const uid = hostIdOfRoot("uidMappings" in linux ? linux.uidMappings : undefined);
  const gid = hostIdOfRoot("gidMappings" in linux ? linux.gidMappings : undefined);
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
