// SPDX-License-Identifier: MIT
import { freezerState, killAll, killUntilEmpty, remove, thaw } from "../linux/cgroup.ts";
import type { Cgroup } from "../linux/cgroup.ts";
import { isAlive, kill } from "../linux/process.ts";
import { SIGKILL } from "../linux/signals.ts";
import type { Runc } from "../oci/runc.ts";
import { FailedPreconditionError } from "../rpc/errors.ts";
import { backoff } from "./backoff.ts";
import type { Bundle } from "./bundle.ts";

/**
 * Kills the shim that the bundle's `shim.json` names and waits until it is gone. A pid from disk
 * proves nothing: nothing is signalled unless the process's start time is the recorded one.
 *
 * @throws {FailedPreconditionError} if it does not die.
 */
export async function killShim(bundle: Bundle): Promise<void> {
  const record = bundle.shimRecord();
  // With no_shim the daemon serves the bundle itself.
  if (record === undefined || record.pid === Deno.pid) return;
  for (const delay of backoff({ first: 5, most: 100, attempts: 60 })) {
    if (!isAlive(record.pid, record.startTime)) return;
    kill(record.pid, SIGKILL);
    await delay();
  }
  throw new FailedPreconditionError(
    `container ${bundle.id}: its shim (pid ${record.pid}) does not die of SIGKILL`,
    { data: { id: bundle.id } },
  );
}

/**
 * Kills every process of a container that no shim looks after any more and has the runtime forget
 * it. Returns only when the runtime agrees that it is gone and its cgroup is empty. Works through
 * the runtime and the cgroup, never through a recorded pid.
 *
 * @throws {RuntimeError} if the runtime fails; the call may be repeated.
 * @throws {FailedPreconditionError} if the runtime still has it.
 * @throws {LinuxError} if processes of it do not die.
 */
export async function destroyContainer(
  bundle: Bundle,
  cgroup: Cgroup | undefined,
  runtime: Runc,
): Promise<void> {
  // A frozen process dies only once it is thawed.
  if (cgroup !== undefined) {
    killAll(cgroup);
    if (freezerState(cgroup) === "frozen") thaw(cgroup);
  }
  await runtime.delete(bundle.id, { force: true });
  const left = await runtime.state(bundle.id);
  if (left !== undefined) {
    throw new FailedPreconditionError(
      `container ${bundle.id}: the runtime still has it as ${left.status}`,
      { data: { id: bundle.id } },
    );
  }
  if (cgroup === undefined) return;
  await killUntilEmpty(cgroup);
  await remove(cgroup);
}
