// SPDX-License-Identifier: MIT
import { ESRCH, isErrno } from "../linux/errno.ts";
import { findCgroup } from "../linux/cgroup.ts";
import type { Cgroup } from "../linux/cgroup.ts";
import { readJson, writeJsonAtomic } from "../oci/bundle.ts";
import type { Bundle } from "./bundle.ts";

/** Where a bundle keeps the cgroup of its container: it must be found when no process is left. */
function path(bundle: Bundle): string {
  return `${bundle.paths.dir}/cgroup.json`;
}

/** Finds the cgroup of a live process; undefined if it has ended. */
export function cgroupOf(pid: number): Cgroup | undefined {
  if (pid === 0) return undefined;
  try {
    return findCgroup(pid);
  } catch (error) {
    if (isErrno(error, ESRCH)) return undefined;
    throw error;
  }
}

/** Keeps the container's cgroup in its bundle. */
export function recordCgroup(bundle: Bundle, cgroup: Cgroup): void {
  writeJsonAtomic(path(bundle), cgroup);
}

/** The cgroup kept in the bundle, if it came that far. */
export function recordedCgroup(bundle: Bundle): Cgroup | undefined {
  return readJson<Cgroup>(path(bundle));
}
