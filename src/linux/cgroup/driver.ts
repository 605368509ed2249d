// SPDX-License-Identifier: MIT
import { exists } from "../fs/exists.ts";
import { cgroupHierarchies, type Hierarchy } from "./find.ts";

/** Who makes the cgroups of containers: the OCI runtime itself, or systemd as scopes. */
export type CgroupDriver = "cgroupfs" | "systemd";

/** Where {@linkcode detectCgroupDriver} looks; the host's own by default. */
export interface DetectOptions {
  /** There where systemd is the init system (sd_booted(3)). */
  readonly systemd?: string;
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

/**
 * Returns the driver that docker chooses: systemd where it is the init system and cgroups are v2, for
 * there it expects to be the only one that writes to the tree.
 */
export function detectCgroupDriver(
  { systemd = "/run/systemd/system", hierarchies = cgroupHierarchies() }: DetectOptions = {},
): CgroupDriver {
  return unifiedHierarchy(hierarchies) && exists(systemd) ? "systemd" : "cgroupfs";
}
