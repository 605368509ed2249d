// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { ESRCH, isErrno } from "../../linux/libc/errno.ts";
import { cgroupDirs, findCgroup } from "../../linux/cgroup/cgroup.ts";
import type { Cgroup } from "../../linux/cgroup/cgroup.ts";
import { readJson, writeJsonAtomic } from "../../oci/bundle_layout.ts";
import { backoff } from "../util/backoff.ts";
import type { Bundle } from "./bundle.ts";
import { messageOf } from "../../rpc/error_text.ts";

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

/**
 * Keeps the container's cgroup in its bundle. A full disk is no reason to fail what has been done:
 * then only a process that lives can tell it.
 */
export function recordCgroup(bundle: Bundle, cgroup: Cgroup): void {
  try {
    writeJsonAtomic(path(bundle), cgroup);
  } catch (error) {
    getLogger(["berth", "container"]).warn("{id}: cannot record its cgroup: {reason}", {
      id: bundle.id,
      reason: messageOf(error),
      error,
    });
  }
}

/** The cgroup kept in the bundle, if it came that far. */
export function recordedCgroup(bundle: Bundle): Cgroup | undefined {
  return readJson<Cgroup>(path(bundle));
}

/**
 * Removes the cgroup of a container whose create was cut short, which the runtime made before it
 * knew of the container and so cannot remove. Only one with nothing in it, at the absolute path that
 * the spec names: what somebody else uses stays.
 */
export async function removePlannedCgroup(bundle: Bundle): Promise<void> {
  const { linux } = readJson<{ linux?: { cgroupsPath?: unknown } }>(bundle.paths.config) ?? {};
  const path = linux?.cgroupsPath;
  if (typeof path !== "string" || !/^\/[^/]/.test(path) || path.split("/").includes("..")) return;
  const left = new Set(cgroupDirs(path));
  // What a killed runtime leaves in one ends by itself, in its own time, which nobody is told of.
  for (const delay of backoff({ first: 5, most: 100, attempts: 55 })) {
    for (const dir of left) if (removed(dir)) left.delete(dir);
    if (left.size === 0) return;
    await delay();
  }
}

/** rmdir(2): a cgroup with processes, or with others below it, is busy. */
function removed(dir: string): boolean {
  try {
    Deno.removeSync(dir);
    return true;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}
