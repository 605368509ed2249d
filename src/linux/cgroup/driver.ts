// SPDX-License-Identifier: MIT
// Detects who makes the cgroups of containers: the OCI runtime or systemd.
import { exists } from "../fs/exists.ts";
import { cgroupHierarchies, type Hierarchy } from "./find.ts";

/** The maker of containers' cgroups: the OCI runtime itself, or systemd, which makes scopes. */
export type CgroupDriver = "cgroupfs" | "systemd";

/** Where {@linkcode detectCgroupDriver} looks; the host's own by default. */
export interface DetectOptions {
  /** See {@linkcode hasSystemd}. */
  readonly systemd?: string | undefined;
  readonly hierarchies?: readonly Hierarchy[];
}

/**
 * Returns the hierarchy of cgroup v2 where it is the host's own; undefined where v1 is. Beside it
 * there may be one of v1 that something else has mounted, such as `net_cls` of a VPN client.
 */
export function unifiedHierarchy(hierarchies: readonly Hierarchy[]): Hierarchy | undefined {
  return hierarchies.find(({ names, mountPoint }) =>
    names.includes("unified") && mountPoint === "/sys/fs/cgroup"
  );
}

/** Returns whether systemd is the init system, by the directory that is there then (sd_booted(3)). */
export function hasSystemd(dir = "/run/systemd/system"): boolean {
  return exists(dir);
}

/**
 * Returns the driver that docker chooses: systemd where it is the init system and cgroups are v2, for
 * there it expects to be the only one that writes to the tree.
 */
export function detectCgroupDriver(
  { systemd, hierarchies = cgroupHierarchies() }: DetectOptions = {},
): CgroupDriver {
  return unifiedHierarchy(hierarchies) && hasSystemd(systemd) ? "systemd" : "cgroupfs";
}
