// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../tests/harness/poll.ts";
import { processesOf } from "../../tests/harness/processes.ts";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { FileLock } from "../linux/fd/file_lock.ts";
import { endPluginRuns } from "./plugin_runs.ts";

/** Starts a program that lives for a minute, and returns how it ended. */
async function sleeper(
  script: string,
  env: Record<string, string> = {},
): Promise<Deno.CommandStatus> {
  return await new Deno.Command("sh", { args: ["-c", script], env, clearEnv: true }).spawn().status;
}

Deno.test("endPluginRuns: waits for what holds the lock, whatever it is called, and kills it in the end", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const runs = { containerId: `berth-${crypto.randomUUID()}`, lock: `${dir}/lock` };
  await endPluginRuns({ ...runs, lock: `${dir}/nowhere/lock` }, 0);
  // As a child whose parent was killed before it was executed: without the name.
  const orphan = sleeper(`exec 3>${runs.lock}; flock -s 3; exec sleep 60`);
  const isHeld = () => {
    using lock = FileLock.tryLock(runs.lock);
    return lock === undefined;
  };
  await until("the lock to be held", isHeld);
  await endPluginRuns(runs, 0);
  assert.equal((await orphan).signal, "SIGKILL");
  // As a child of a plugin that closes its files.
  const named = sleeper("exec sleep 60", { CNI_CONTAINERID: runs.containerId });
  // While it is executed its environment cannot be seen.
  await until(
    "the child",
    () => processesOf(runs.containerId).some(({ command }) => command === "sleep 60"),
  );
  await endPluginRuns(runs, 0);
  assert.equal((await named).signal, "SIGKILL");
  // One that ends by itself is not killed.
  const late = sleeper("sleep 0.2", { CNI_CONTAINERID: runs.containerId });
  await endPluginRuns(runs, 10_000);
  assert.equal((await late).code, 0);
});
