// SPDX-License-Identifier: MIT
// Finds the cgroup of a container by its process, its bundle or its spec.
import { failpoint } from "../../failpoint.ts";
import { ESRCH, isErrno } from "../../linux/libc/errno.ts";
import { cgroupAt, cgroupHierarchies, findCgroup, remove } from "../../linux/cgroup/cgroup.ts";
import type { Cgroup, Hierarchy } from "../../linux/cgroup/cgroup.ts";
import { tryReadJson, writeJsonAtomic } from "../../oci/json_file.ts";
import { cgroupsPathOf } from "../../oci/spec/facts.ts";
import { logFailure } from "../util/log_failure.ts";
import type { Bundle } from "./bundle.ts";

/** Where a bundle keeps the cgroup of its container: it must be found when no process is left. */
function path(bundle: Bundle): string {
  return `${bundle.paths.dir}/cgroup.json`;
}

/** Finds the cgroup of a live process; undefined if it has ended. */
export function cgroupOf(
  pid: number,
  hierarchies: readonly Hierarchy[] = cgroupHierarchies(),
): Cgroup | undefined {
  if (pid === 0) return undefined;
  try {
    return findCgroup(pid, { hierarchies });
  } catch (error) {
    if (isErrno(error, ESRCH)) return undefined;
    throw error;
  }
}

/**
 * Keeps the container's cgroup in its bundle. A full disk does not fail a call that has succeeded:
 * then only a process that lives can tell it.
 */
export function recordCgroup(bundle: Bundle, cgroup: Cgroup): void {
  try {
    failpoint("cgroup.record");
    writeJsonAtomic(path(bundle), cgroup);
  } catch (error) {
    logFailure("warn", "container", "{id}: cannot record its cgroup: {reason}", error, {
      id: bundle.id,
    });
  }
}

/** Returns the cgroup kept in the bundle, if it came that far. */
export function recordedCgroup(bundle: Bundle): Cgroup | undefined {
  return tryReadJson<Cgroup>(path(bundle));
}

/**
 * Returns what exists of the cgroup that the bundle's record names. The record is written before a
 * shim, and so the runtime, knows the container: so the cgroup is known whatever was killed.
 */
export function plannedCgroup(
  { record, paths }: Bundle,
  hierarchies: readonly Hierarchy[],
): Cgroup | undefined {
  // A bundle of an earlier berth has no such record.
  const path = record.cgroupsPath ?? cgroupsPathOf(tryReadJson(paths.config));
  return path === undefined ? undefined : cgroupAt(path, hierarchies);
}

/**
 * Removes what is left of the cgroup that the bundle's record names, whichever process should have
 * removed it: a runtime that was killed between making it and recording that, or one that found it
 * busy.
 *
 * @throws {LinuxError} EBUSY if processes are in it that do not end.
 */
export async function removePlannedCgroup(
  bundle: Bundle,
  hierarchies: readonly Hierarchy[],
): Promise<void> {
  const cgroup = plannedCgroup(bundle, hierarchies);
  if (cgroup !== undefined) await remove(cgroup);
}
