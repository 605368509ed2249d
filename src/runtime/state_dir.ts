// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto";
import { cgroupAt, removeIfEmpty } from "../linux/cgroup/cgroup.ts";
import { backoff } from "../linux/event_loop/backoff.ts";
import { FileLock } from "../linux/fd/file_lock.ts";
import { FailedPreconditionError } from "../rpc/errors.ts";
import { removeHalfBound } from "../rpc/transport/socket_file.ts";
import type { Config } from "./config/config.ts";

/** Returns the directory in which the bundles of a state directory are. */
export function bundlesDir(state: string): string {
  return `${state}/linux`;
}

/** Returns the directory in which OCI runtimes keep what they know of a daemon's containers. */
export function runtimeStateDir(state: string): string {
  return `${state}/oci`;
}

/**
 * Returns the name of the cgroup above those of containers that name none. It is of this state
 * directory alone, so that two daemons on a machine never share one.
 */
export function stateCgroupName(state: string): string {
  const digest = createHash("sha256").update(Deno.realPathSync(state)).digest("hex");
  return `berth-${digest.slice(0, 12)}`;
}

/**
 * Takes the state and the root directory for this daemon, until the result is disposed. Makes
 * directories that are missing, and removes what a killed daemon has left in them.
 *
 * @throws {FailedPreconditionError} if another daemon has one of them, or another user may write
 * there.
 */
export async function takeStateDir(
  { state, root }: Pick<Config, "state" | "root">,
): Promise<Disposable> {
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
  // Where containers were that named no cgroup: they have gone, or are still in it.
  taken.defer(() => {
    const cgroup = cgroupAt(`/${stateCgroupName(state)}`);
    if (cgroup !== undefined) removeIfEmpty(cgroup);
  });
  return taken.move();
}

/**
 * What is in the state and the root directory is believed, and some of it is run.
 *
 * @throws {FailedPreconditionError} if another user owns the directory, or may write to it.
 */
function checkOwnDirectory(path: string): void {
  const { uid, mode } = Deno.statSync(path);
  const own = Deno.uid();
  const why = uid !== own
    ? `belongs to uid ${uid}, not to ${own}`
    : ((mode ?? 0) & 0o022) !== 0
    ? `can be written by others (mode ${((mode ?? 0) & 0o7777).toString(8)})`
    : undefined;
  if (why === undefined) return;
  throw new FailedPreconditionError(
    `the directory ${path} ${why}: a user who can write there is as good as root; ` +
      "remove it if it is not berth's, or give it to root with mode 0700",
  );
}

/**
 * A process that a killed daemon was just starting has its locks until it runs its program, which may
 * take long on a busy machine, so this is tried for two seconds.
 *
 * @throws {FailedPreconditionError} if another daemon has it, which `what` says of that daemon.
 */
async function takeLock(path: string, what: string): Promise<FileLock> {
  for (const delay of backoff({ first: 5, most: 80, attempts: 30 })) {
    const lock = FileLock.tryLock(path);
    if (lock !== undefined) return lock;
    await delay();
  }
  throw new FailedPreconditionError(`another berth daemon ${what} (it holds ${path})`);
}
