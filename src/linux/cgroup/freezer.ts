// SPDX-License-Identifier: MIT
// Freezes and thaws a cgroup, in both versions.
import { readKeyed, readNumber, readText, subtree, writeText } from "./files.ts";
import type { Cgroup } from "./find.ts";

/** Whether a cgroup's processes run; `freezing`: asked to stop, and not all have. */
export type FreezerState = "thawed" | "freezing" | "frozen";

/**
 * Returns whether a cgroup is frozen, by whichever process; it is also when one above it is.
 * `undefined` without a freezer, and once the cgroup is gone.
 *
 * Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst; v2: cgroup.freeze and cgroup.events.
 */
export function freezerState({ paths }: Cgroup): FreezerState | undefined {
  if (paths.freezer !== undefined) {
    switch (readText(`${paths.freezer}/freezer.state`)?.trim()) {
      case "THAWED":
        return "thawed";
      case "FREEZING":
        return "freezing";
      case "FROZEN":
        return "frozen";
      default:
        return undefined;
    }
  }
  if (paths.unified === undefined) return undefined;
  const frozen = readKeyed(`${paths.unified}/cgroup.events`).get("frozen");
  if (frozen === undefined) return undefined;
  if (frozen === 1) return "frozen";
  return readNumber(`${paths.unified}/cgroup.freeze`) === 1 ? "freezing" : "thawed";
}

/** Asks that a cgroup's processes stop. They may not have when it returns: {@linkcode freezerState}. */
export function freeze({ paths }: Cgroup): void {
  if (paths.freezer !== undefined) writeText(`${paths.freezer}/freezer.state`, "FROZEN");
  else if (paths.unified !== undefined) writeText(`${paths.unified}/cgroup.freeze`, "1");
}

/**
 * Lets a cgroup's processes run again, or die: SIGKILL waits for that in v1, not in v2. In a hybrid
 * both are thawed, for either stops a process. In v1 the cgroups below are thawed too: a container
 * may have frozen some of its own.
 */
export function thaw({ paths }: Cgroup): void {
  if (paths.freezer !== undefined) {
    // Each before those below: a cgroup stays frozen for as long as one above it is.
    for (const dir of subtree(paths.freezer)) writeText(`${dir}/freezer.state`, "THAWED");
  }
  if (paths.unified !== undefined) writeText(`${paths.unified}/cgroup.freeze`, "0");
}
