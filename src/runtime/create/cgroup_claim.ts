// SPDX-License-Identifier: MIT
// Makes sure that a new container has its cgroup alone.
import { FileLock } from "../../linux/fd/file_lock.ts";
import { errnoNameOf, isExhausted } from "../../linux/libc/errno.ts";
import { tryStat } from "../../linux/fs/try_stat.ts";
import { cgroupAt, cgroupHierarchies, type Hierarchy } from "../../linux/cgroup/find.ts";
import { occupiedAncestor, pids } from "../../linux/cgroup/cgroup.ts";
import type { BundleRecord } from "../../oci/bundle_layout.ts";
import { type BerthErrorOptions, FailedPreconditionError } from "../../rpc/errors.ts";
import { asRecord } from "../../rpc/is_record.ts";

/** The hierarchies in which a cgroup is claimed, best first: each claimant has to take the same. */
const CLAIMED = ["freezer", "pids", "memory", "unified"];

/** The errors of rmdir(2) for a cgroup that is in use, or gone. */
const IN_USE: ReadonlySet<unknown> = new Set(["EBUSY", "ENOTEMPTY", "ENOENT", "ENODEV"]);

/**
 * Keeps others from making the same cgroup until it is disposed. It is a lock (flock(2)) on the
 * cgroup's directory, which is made for that. It holds among all processes that see the same
 * hierarchies, and is gone with its process.
 */
class CgroupClaim implements Disposable {
  readonly #dir: string;
  readonly #made: boolean;
  readonly #lock: FileLock | undefined;

  private constructor(dir: string, made: boolean, lock: FileLock | undefined) {
    this.#dir = dir;
    this.#made = made;
    this.#lock = lock;
  }

  /**
   * Claims the cgroup at `path`. Returns undefined if another has claimed it. Where no such
   * directory can be made the claim is empty: the runtime will fail to make it, too, and say why.
   *
   * @throws {LinuxError} EMFILE, ENFILE, …
   */
  static take(
    path: string,
    hierarchies: readonly Hierarchy[] = cgroupHierarchies(),
  ): CgroupClaim | undefined {
    const hierarchy = CLAIMED.map((name) => hierarchies.find(({ names }) => names.includes(name)))
      .find((found) => found !== undefined);
    if (hierarchy === undefined) return new CgroupClaim("", false, undefined);
    const dir = hierarchy.mountPoint + path;
    for (;;) {
      const made = make(dir);
      if (made === undefined) return new CgroupClaim(dir, false, undefined);
      try {
        const lock = FileLock.tryLock(dir, { directory: true });
        if (lock === undefined) return undefined;
        using claim = new DisposableStack();
        claim.use(lock);
        // The claimant before may have removed the directory when it gave up its claim.
        const now = tryStat(dir);
        if (now === undefined || now.ino !== Deno.statSync(`/proc/self/fd/${lock.fd}`).ino) {
          continue;
        }
        claim.move();
        return new CgroupClaim(dir, made, lock);
      } catch (error) {
        if (errnoNameOf(error) === "ENOENT") continue;
        if (made) removeUnused(dir);
        throw error;
      }
    }
  }

  /** Releases the claim. Removes a cgroup that was made for it and is unused. */
  [Symbol.dispose](): void {
    if (this.#made) removeUnused(this.#dir);
    this.#lock?.[Symbol.dispose]();
  }
}

/** Makes the directory. Returns whether it was not there; undefined where it cannot be made. */
function make(dir: string): boolean | undefined {
  if (tryStat(dir) !== undefined) return false;
  try {
    Deno.mkdirSync(dir, { recursive: true, mode: 0o755 });
    return true;
  } catch (error) {
    if (isExhausted(error)) throw error;
    return undefined;
  }
}

function removeUnused(dir: string): void {
  try {
    Deno.removeSync(dir);
  } catch (error) {
    if (!IN_USE.has(errnoNameOf(error))) throw error;
  }
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
    const claim = CgroupClaim.take(cgroupsPath, hierarchies);
    if (claim === undefined) refuse("is being made by another daemon");
    claims.use(claim);
  }
  const cgroup = cgroupAt(cgroupsPath, hierarchies);
  // Of a hybrid's hierarchies any may have them.
  for (const [name, path] of Object.entries(cgroup?.paths ?? {})) {
    const [pid] = pids({ version: 1, paths: { [name]: path } });
    if (pid !== undefined) refuse(`has processes already, ${pid} among them`);
  }
  return claims.move();
}
