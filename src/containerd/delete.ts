// SPDX-License-Identifier: MIT
import { cgroupAt, killUntilEmpty } from "../linux/cgroup/cgroup.ts";
import { SIGKILL } from "../linux/process/signals.ts";
import { unmountAll } from "../linux/mount/unmount.ts";
import { Reaper } from "../linux/process/reaper.ts";
import type { BundleRecord } from "../oci/bundle_layout.ts";
import { bundlePaths } from "../oci/bundle_layout.ts";
import { readJson, tryReadJson } from "../oci/json_file.ts";
import { OciRuntime } from "../oci/driver/oci_runtime.ts";
import { cgroupsPathOf } from "../oci/spec/facts.ts";
import { readExitRecord } from "../oci/exit_record.ts";
import { tryReadPidFile } from "../oci/pid_file.ts";
import { messageOf } from "../error_text.ts";
import { readDeleted } from "./task/deleted.ts";
import { removeSocketOf } from "./bootstrap/socket.ts";
import type { ShimFlags } from "./flags.ts";
import { DeleteResponse } from "./messages/task.ts";
import { encode } from "./protobuf/codec.ts";
import { timestampOf } from "./messages/time.ts";

/**
 * How long the runtime may take, in milliseconds: containerd waits 5 s for all of it, and would leave a
 * runtime that hangs behind. Then the container's processes are killed without it.
 */
const RUNTIME_WITHIN = 3000;

/** How long left processes may take to die, in milliseconds. */
const KILL_WITHIN = 1000;

/** Runtime and root where the shim has died before it wrote them down. */
const DEFAULT_RUNTIME = { runtime: "runc", runtimeRoot: "/run/containerd/runc" };

/**
 * Runs `delete`: removes the leftovers of a container's shim, alive or not, and prints the exit of its init.
 * It can be called at any time and any number of times. Returns the exit status.
 */
export async function runDelete(flags: ShimFlags): Promise<number> {
  const { id, namespace } = flags;
  const paths = bundlePaths(flags.bundle || Deno.cwd());
  const deleted = tryRead(() => readDeleted(paths.dir));
  if (deleted !== undefined) {
    Deno.stdout.writeSync(deleted);
    return 0;
  }
  const record = tryRead(() => readJson<BundleRecord>(paths.record));
  const exit = record && tryRead(() => readExitRecord(paths.exitRecord, record.instance));
  const command = record?.runtime ?? DEFAULT_RUNTIME.runtime;
  const root = record?.runtimeRoot ?? `${DEFAULT_RUNTIME.runtimeRoot}/${namespace}`;
  await attempt(`deleting ${id}`, async () => {
    using reaper = Reaper.start();
    const spawn: typeof reaper.spawn = (argv, options) => reaper.spawn(argv, options);
    const runtime = new OciRuntime({ command, root, spawn });
    await runtime.delete(id, { force: true, timeoutMs: RUNTIME_WITHIN });
  });
  const path = record?.cgroupsPath ?? cgroupsPathOf(tryReadJson(paths.config));
  const cgroup = path && cgroupAt(path);
  if (cgroup) {
    await attempt(
      "killing",
      async () => void await killUntilEmpty(cgroup, { timeoutMs: KILL_WITHIN }),
    );
  }
  await attempt("unmounting", () => unmountAll(paths.rootfs, { detach: true }));
  await attempt("removing the socket", () => removeSocketOf(paths.dir));
  const response = encode(DeleteResponse, {
    pid: exit?.pid ?? tryReadPidFile(paths.initPid) ?? 0,
    exit_status: exit?.exitStatus ?? 128 + SIGKILL,
    exited_at: timestampOf(exit?.exitedAt ?? new Date().toISOString()),
  });
  Deno.stdout.writeSync(response);
  return 0;
}

/** Returns what `read` returns; undefined, with a line on stderr, for a file that is damaged. */
function tryRead<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch (error) {
    console.error(messageOf(error));
    return undefined;
  }
}

/** Tries a step, whatever became of the others, and prints its failure; containerd logs stderr. */
async function attempt(what: string, step: () => void | Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    console.error(`${what}: ${messageOf(error)}`);
  }
}
