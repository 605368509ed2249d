// SPDX-License-Identifier: MIT
// Makes sure that a new container has its cgroup alone.
import { RangeLock } from "../../linux/fd/range_lock.ts";
import { isExhausted } from "../../linux/libc/errno.ts";
import { cgroupAt, type Hierarchy } from "../../linux/cgroup/find.ts";
import { occupiedAncestor, pids } from "../../linux/cgroup/cgroup.ts";
import type { BundleRecord } from "../../oci/bundle_layout.ts";
import { type BerthErrorOptions, FailedPreconditionError } from "../../rpc/errors.ts";
import { asRecord } from "../../rpc/is_record.ts";

/** The hierarchies in which a cgroup is claimed, best first: each claimant has to take the same. */
const CLAIMED = ["freezer", "pids", "memory", "unified"];

/** How many of the bytes that a file could have are locked for cgroups: fcntl(2) takes 63 bits. */
const BYTES = 2n ** 62n;

/**
 * Keeps others from making the cgroup at `path` until the result is disposed. It is a lock on a byte of
 * a file of the hierarchy's root, which stands for the path: it holds among all processes that see the
 * same root, and is gone with its process. The cgroup itself is not made for that, as each rmdir(2) and
 * mkdir(2) in a hierarchy waits for all that runtimes are doing there. Returns undefined if another
 * process makes the cgroup. Where nothing can be locked there is nothing to dispose: the runtime will
 * fail to make the cgroup, too, and say why.
 *
 * @throws {LinuxError} EMFILE, ENFILE, …
 */
function claim(path: string, hierarchies: readonly Hierarchy[]): Disposable | undefined {
  const hierarchy = CLAIMED.map((name) => hierarchies.find(({ names }) => names.includes(name)))
    .find((found) => found !== undefined);
  if (hierarchy === undefined) return new DisposableStack();
  try {
    return RangeLock.tryLock(`${hierarchy.mountPoint}/cgroup.procs`, byteOf(path));
  } catch (error) {
    if (isExhausted(error)) throw error;
    return new DisposableStack();
  }
}

/** Returns the byte of a path: its hash by FNV-1a, 64 bits. Node's hashes would cost a daemon 17 ms of its start. */
function byteOf(path: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(path)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash % BYTES;
}

/**
 * Returns the error that names a cgroup above `path` that holds processes, below which v2 limits no
 * container; undefined if there is none.
 */
export function occupiedParentError(
  id: string,
  path: string,
  options: BerthErrorOptions = { data: { id } },
  hierarchies?: readonly Hierarchy[],
): FailedPreconditionError | undefined {
  const occupied = occupiedAncestor(path, hierarchies);
  if (occupied === undefined) return undefined;
  const some = occupied.pids.slice(0, 5).join(", ");
  return new FailedPreconditionError(
    `container ${id}: the cgroup ${occupied.dir}, above its own, holds processes itself (${some}), ` +
      "so on cgroup v2 none below it can be limited: move them to a cgroup of their own, or name " +
      "another parent (linux.cgroupsPath, --cgroup-parent)",
    options,
  );
}

/** Returns whether the spec limits memory, which on v2 no threaded cgroup does (cgroup-v2, Threads). */
function limitsMemory({ linux }: Readonly<Record<string, unknown>>): boolean {
  const { limit, reservation, swap } =
    asRecord(asRecord(asRecord(linux)?.["resources"])?.["memory"]) ?? {};
  return [limit, reservation, swap].some(Boolean);
}

/**
 * Takes a container's cgroup until the result is disposed, by when a process is in it. Two
 * containers in one cgroup, or one in another's, would be paused, limited and killed as one.
 *
 * @param inCgroup Finds the container whose cgroup is at a path, above it or below it.
 * @throws {FailedPreconditionError} if the container's cgroup is another's, or has processes, or
 *   cannot be limited as the spec says.
 */
export function claimCgroup(
  { id, cgroupsPath, systemdCgroup }: BundleRecord,
  spec: Readonly<Record<string, unknown>>,
  inCgroup: (cgroupsPath: string) => BundleRecord | undefined,
  hierarchies: readonly Hierarchy[],
): Disposable | undefined {
  if (cgroupsPath === undefined) return undefined;
  const refuse = (why: string) => {
    throw new FailedPreconditionError(
      `cannot create container ${id}: its cgroup ${cgroupsPath} ${why}; ` +
        "give it one of its own (linux.cgroupsPath)",
      { data: { id } },
    );
  };
  const other = inCgroup(cgroupsPath);
  if (other !== undefined && other.id !== id) {
    const same = other.cgroupsPath === cgroupsPath;
    refuse(`is ${same ? "that" : "above or below that"} of container ${other.id}`);
  }
  // The runtime would make the parent threaded before it fails, and its processes could not be moved.
  if (limitsMemory(spec) && !hierarchies.some(({ names }) => names.includes("memory"))) {
    const occupied = occupiedParentError(id, cgroupsPath, undefined, hierarchies);
    if (occupied !== undefined) throw occupied;
  }
  using claims = new DisposableStack();
  // Units of systemd have names that it gives only once.
  if (systemdCgroup !== true) {
    const claimed = claim(cgroupsPath, hierarchies);
    if (claimed === undefined) refuse("is being made by another daemon");
    claims.use(claimed);
  }
  const cgroup = cgroupAt(cgroupsPath, hierarchies);
  // Of a hybrid's hierarchies any may have them.
  for (const [name, path] of Object.entries(cgroup?.paths ?? {})) {
    const [pid] = pids({ version: 1, paths: { [name]: path } });
    if (pid !== undefined) refuse(`has processes already, ${pid} among them`);
  }
  return claims.move();
}
