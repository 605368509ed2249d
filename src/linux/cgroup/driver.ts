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
 * Returns the driver that docker chooses: systemd where it is the init system and cgroups are v2 alone,
 * for there it expects to be the only one that writes to the tree.
 */
export function detectCgroupDriver(
  { systemd = "/run/systemd/system", hierarchies = cgroupHierarchies() }: DetectOptions = {},
): CgroupDriver {
  const v2 = hierarchies.length > 0 &&
    hierarchies.every(({ names }) => names.includes("unified"));
  return v2 && exists(systemd) ? "systemd" : "cgroupfs";
}
