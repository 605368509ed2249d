// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto";

/**
 * Returns the name of the cgroup above those of containers that name none. It is of this state
 * directory alone, so that two daemons on a machine never share one.
 */
export function stateCgroupName(state: string): string {
  const digest = createHash("sha256").update(Deno.realPathSync(state)).digest("hex");
  return `berth-${digest.slice(0, 12)}`;
}
