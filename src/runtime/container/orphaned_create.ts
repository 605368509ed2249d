// SPDX-License-Identifier: MIT
// Finds and ends the calls of the OCI runtime that a killed shim has left.
import type { Cgroup } from "../../linux/cgroup/cgroup.ts";
import { killIfSame } from "../../linux/process/process.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { type LiveProcess, liveProcesses } from "../../linux/process/stat.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { backoff } from "../../linux/event_loop/backoff.ts";
import type { Bundle } from "../bundle/bundle.ts";
import { cgroupOf } from "../bundle/cgroup_record.ts";

/** How long killed calls are waited for, in milliseconds. */
const KILL_BOUND = 5_000;

/**
 * Waits until no call of the OCI runtime creates the bundle's container any more; after `graceMs`
 * what is left of it is killed. A create that is under way outlives the shim that asked for it: with
 * it, the runtime would say that there is no such container and make it a moment later.
 *
 * Returns the container's cgroup, where a process that was killed was in it: the runtime cannot
 * remove a cgroup that it has not recorded yet.
 *
 * @throws {FailedPreconditionError} if a call does not die.
 */
export async function reapOrphanedCreate(
  bundle: Bundle,
  graceMs: number,
): Promise<Cgroup | undefined> {
  const grace = performance.now() + graceMs;
  let cgroup: Cgroup | undefined;
  for (const delay of backoff({ first: 5, most: 100 })) {
    const calls = createsOf(bundle);
    if (calls.length === 0) return cgroup;
    if (performance.now() >= grace) {
      cgroup ??= cgroupBelow(calls);
      for (const { pid, startTime } of withDescendants(calls)) killIfSame(pid, startTime, SIGKILL);
    }
    if (performance.now() >= grace + KILL_BOUND) break;
    await delay();
  }
  throw new FailedPreconditionError(
    `container ${bundle.id}: the OCI runtime that creates it does not die of SIGKILL`,
    { data: { id: bundle.id } },
  );
}

/**
 * Returns the processes whose command line is that of a create in this bundle, and those that its shim
 * has started: a shim of one container that creates it has no others.
 */
function createsOf(bundle: Bundle): LiveProcess[] {
  const pidFile = bundle.paths.initPid;
  const all = liveProcesses();
  const shim = ownShim(bundle, all);
  return all.filter(({ pid, parent }) => {
    const argv = readProc(pid, "cmdline").split("\0");
    // With "delete" the shim undoes what it has created.
    if (parent === shim?.pid && !argv.includes("delete")) return true;
    return argv[argv.indexOf("--pid-file") + 1] === pidFile;
  });
}

/**
 * Returns all that the container's own shim has started, and their descendants: processes of the
 * container, and calls of the OCI runtime.
 */
export function startedByShim(bundle: Bundle): LiveProcess[] {
  const all = liveProcesses();
  const shim = ownShim(bundle, all);
  return withDescendants(all.filter(({ parent }) => shim !== undefined && parent === shim.pid));
}

/** Returns the shim that has this container alone, if it lives. */
function ownShim(bundle: Bundle, all: readonly LiveProcess[]): LiveProcess | undefined {
  const shim = bundle.record.group === undefined ? bundle.shimRecord() : undefined;
  // With no_shim the daemon has all of them.
  if (shim === undefined || shim.pid === Deno.pid) return undefined;
  return all.find(({ pid, startTime }) => pid === shim.pid && startTime === shim.startTime);
}

/** Returns the calls, then all that descends from them. */
function withDescendants(calls: readonly LiveProcess[]): LiveProcess[] {
  const all = liveProcesses();
  const found = [...calls];
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
  return found;
}

/**
 * Returns the cgroup of a descendant that is in another one than the call itself: the container's.
 */
function cgroupBelow(calls: readonly LiveProcess[]): Cgroup | undefined {
  const cgroups = (pid: number) => readProc(pid, "cgroup");
  const [call] = calls;
  if (call === undefined) return undefined;
  const own = cgroups(call.pid);
  for (const { pid } of withDescendants(calls)) {
    const other = cgroups(pid);
    if (other !== "" && other !== own) return cgroupOf(pid);
  }
  return undefined;
}

function readProc(pid: number, file: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`);
  } catch {
    // It has ended since it was listed.
    return "";
  }
}
