// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { ContainerState } from "../../src/rpc/contract/schemas.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import { logLines } from "../harness/logs.ts";
import { until } from "../harness/poll.ts";
import { createService } from "../harness/service.ts";

/** Whether a container runs. */
export const isRunning = ({ status }: ContainerState) => status === "running";

/**
 * Starts a container of a policy that runs until it is stopped, or told to end by a file, whose status
 * it has then whichever comes first; waits until it listens.
 */
export async function service(daemon: TestDaemon, id: string, restart: ContainerState["restart"]) {
  const script = "trap 'exit $(cat /mnt/end 2>/dev/null || echo 0)' TERM; echo ran; " +
    "while ! test -s /mnt/end; do sleep 0.05; done; exit $(cat /mnt/end)";
  const mnt = await createService(daemon, id, script, restart === undefined ? {} : { restart });
  await daemon.client.call("container.start", { id });
  await until(`${id} to listen`, () => logLines(daemon, id).includes("ran"));
  return mnt;
}

/** The waits for a restart that are tried: each is twice as long as the one before, up to a minute. */
const WAITS = 10;

/**
 * Does what is to be done while a container waits to be started again. What fails and has come too late
 * for that is done once more in the next wait, which is longer.
 */
export async function whileItWaits(
  daemon: TestDaemon,
  id: string,
  work: () => Promise<void>,
): Promise<void> {
  for (let wait = 1;; wait++) {
    const { restartingAt } = await daemon.untilState(
      id,
      ({ status, restartingAt = "" }) =>
        status === "stopped" && Date.parse(restartingAt) - Date.now() > 1_000,
    );
    try {
      return await work();
    } catch (error) {
      const now = await daemon.stateOf(id);
      if (wait === WAITS || now.restartingAt === restartingAt) throw error;
    }
  }
}

/** Removes containers; nothing of any may be left. */
export async function deleteAll(daemon: TestDaemon, ids: readonly string[]): Promise<void> {
  for (const id of ids) await daemon.remove(id);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/containers`)], []);
  assert.deepEqual(await daemon.containerIds(), []);
}
