// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ok, rootfsArgs } from "../harness/cli.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";

/** Returns what a container of {@linkcode makeStopped} has written when it has run so many times. */
export function output(runs: number): string {
  return Array.from({ length: runs }, (_, run) => `${run + 1}\n`).join("");
}

/** Waits until a container has run so many times, and can be stopped. */
export async function hasRun(daemon: TestDaemon, id: string, runs: number): Promise<void> {
  await until(`run ${runs} of ${id}`, async () => await ok(daemon, "logs", id) === output(runs));
}

/** Starts a container with all that a command line makes, and stops it when it has run. */
export async function makeStopped(daemon: TestDaemon, id: string): Promise<void> {
  const script = "trap 'exit 3' TERM; echo x >>/runs; wc -l </runs; while :; do sleep 0.05; done";
  await ok(
    daemon,
    ...["run", "-d", "-i", "--name", id, "--overlay", "-v", "/data"],
    ...["--restart", "unless-stopped", "--label", "app=shop", ...rootfsArgs(daemon)],
    ...["--", "sh", "-c", script],
  );
  await hasRun(daemon, id, 1);
  await ok(daemon, "exec", id, "sh", "-c", "echo kept >/data/file");
  await ok(daemon, "stop", id);
}

/** Shows that the container goes on under its new id with all that it had, and leaves nothing. */
export async function assertWhole(daemon: TestDaemon, id: string, runs: number): Promise<void> {
  await ok(daemon, "start", id);
  await hasRun(daemon, id, runs);
  assert.equal(await ok(daemon, "exec", id, "cat", "/data/file"), "kept\n");
  assert.match(await ok(daemon, "exec", id, "cat", "/etc/hosts"), /web/);
}
