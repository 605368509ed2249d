// SPDX-License-Identifier: MIT
// The state and the root directory: their layout, their lock, their owner.
import { cgroupAt, removeIfEmpty } from "../linux/cgroup/cgroup.ts";
import { backoff } from "../linux/event_loop/backoff.ts";
import { dirEntries } from "../linux/fs/dir_entries.ts";
import { parentDir } from "../linux/fs/path_names.ts";
import { removeFile } from "../linux/fs/remove_file.ts";
import { FileLock } from "../linux/fd/file_lock.ts";
import { FailedPreconditionError } from "../rpc/errors.ts";
import { removeHalfBound } from "../rpc/transport/socket_file.ts";
import type { Config } from "./config/config.ts";
import { logFailure } from "./util/log_failure.ts";

/** Returns the directory in which the bundles of a state directory are. */
export function bundlesDir(state: string): string {
  return `${state}/linux`;
}

/** Returns the directory in which OCI runtimes keep their state of a daemon's containers. */
export function runtimeStateDir(state: string): string {
  return `${state}/oci`;
}

/**
 * Returns the name of the cgroup above those of containers that name none. It is of this state
 * directory alone, so that two daemons on a machine never share one.
 */
export async function stateCgroupName(state: string): Promise<string> {
  const path = new TextEncoder().encode(Deno.realPathSync(state));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", path)).toHex();
  return `berth-${digest.slice(0, 12)}`;
}

/** The directories that {@linkcode takeStateDir} has taken. */
export interface TakenStateDir extends Disposable {
  /** Result of {@linkcode stateCgroupName}. */
  readonly cgroupName: string;
}

/**
 * Takes the state and the root directory for this daemon, until the result is disposed. Makes
 * directories that are missing, and removes the remains of a killed daemon.
 *
 * @throws {FailedPreconditionError} if another daemon has one of them, or another user may write
 * there.
 */
export async function takeStateDir(
  { state, root }: Pick<Config, "state" | "root">,
): Promise<TakenStateDir> {
  for (const path of [state, root]) {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    checkOwnDirectory(path);
  }
  for (const path of [bundlesDir(state), runtimeStateDir(state)]) {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  }
  Deno.chmodSync(state, 0o700);
  using taken = new DisposableStack();
  taken.use(await takeLock(`${state}/berth.lock`, `is running on ${state}`));
  // Containers of one id would share logs and checkpoints. The name lets it be the same directory.
  taken.use(await takeLock(`${root}/root.lock`, `has ${root}, choose another --root`));
  removeHalfBound(state);
  emptySeccompCache(state);
  // Where containers were that named no cgroup: they have gone, or are still in it.
  const cgroupName = await stateCgroupName(state);
  taken.defer(() => {
    const cgroup = cgroupAt(`/${cgroupName}`);
    if (cgroup !== undefined) removeIfEmpty(cgroup);
  });
  return Object.assign(taken.move(), { cgroupName });
}

/**
 * Removes the seccomp filters that crun (1.7 and above) has compiled and kept. One that a loss of power
 * has emptied keeps every further container from being created. The folder stays for a crun that runs.
 * A failure is logged: the containers that there are have to be managed.
 */
function emptySeccompCache(state: string): void {
  const cache = `${runtimeStateDir(state)}/.cache/seccomp`;
  try {
    for (const { name } of dirEntries(cache)) removeFile(`${cache}/${name}`);
  } catch (error) {
    const message = "the seccomp filters that crun keeps in {cache} cannot be removed: {reason}";
    logFailure("warn", "container", message, error, { cache });
  }
}

/**
 * Checks a directory whose files the daemon believes, and runs some of.
 *
 * @throws {FailedPreconditionError} if another user owns the directory, or may write to it, or may put
 *   another one in its place.
 */
function checkOwnDirectory(path: string): void {
  const own = Deno.uid();
  const why = notAlone(Deno.statSync(path), [own], 0o022);
  if (why !== undefined) {
    throw new FailedPreconditionError(
      `the directory ${path} ${why}: a user who can write there is as good as root; ` +
        "remove it if it is not berth's, or give it to root with mode 0700",
    );
  }
  for (let above = Deno.realPathSync(path); above !== "/";) {
    above = parentDir(above) || "/";
    // Users who may write to a sticky one, such as /tmp, can rename only their own files (inode(7)). A
    // group that may write is root's choice, as Debian's staff in /var/local.
    const info = Deno.statSync(above);
    const isSticky = ((info.mode ?? 0) & 0o1000) !== 0;
    const whyAbove = notAlone(info, [own, 0], isSticky ? 0 : 0o002);
    if (whyAbove !== undefined) {
      throw new FailedPreconditionError(
        `the directory ${above}, above ${path}, ${whyAbove}: who can write there can put another ` +
          "directory in its place, and is as good as root; choose one below directories of root alone",
      );
    }
  }
}

/** Returns why a directory is not one of these owners alone; undefined if it is. */
function notAlone(
  { uid, mode }: Deno.FileInfo,
  owners: readonly (number | null)[],
  writable: number,
): string | undefined {
  if (!owners.includes(uid)) return `belongs to uid ${uid}, not to ${owners[0]}`;
  if (((mode ?? 0) & writable) === 0) return undefined;
  return `can be written by others (mode ${((mode ?? 0) & 0o7777).toString(8)})`;
}

/**
 * Takes a lock. Tries for two seconds: a process that a killed daemon was just starting has its locks
 * until it runs its program, which may take long on a busy machine.
 *
 * @param what what the daemon that has the lock does, for the error.
 * @throws {FailedPreconditionError} if another daemon has it.
 */
async function takeLock(path: string, what: string): Promise<FileLock> {
  for (const delay of backoff({ first: 5, most: 80, attempts: 30 })) {
    const lock = FileLock.tryLock(path);
    if (lock !== undefined) return lock;
    await delay();
  }
  throw new FailedPreconditionError(`another berth daemon ${what} (it holds ${path})`);
}
