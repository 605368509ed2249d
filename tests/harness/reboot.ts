// SPDX-License-Identifier: MIT
import { unmountAll } from "../../src/linux/mount/unmount.ts";
import type { TestDaemon } from "./daemon.ts";
import { until } from "./poll.ts";
import { killIfThere, processesOf } from "./processes.ts";
import { baseName } from "./run.ts";

/** Ends a daemon and all that it has started, and removes its state, as a reboot does. */
export async function shutDown(daemon: TestDaemon): Promise<void> {
  await daemon.kill9();
  await until("the end of all processes", () => {
    const alive = processesOf(baseName(daemon.dir)).filter(({ state }) => state !== "Z");
    killIfThere(...alive.map(({ pid }) => pid));
    return alive.length === 0;
  });
  unmountAll(daemon.state);
  Deno.removeSync(daemon.state, { recursive: true });
}
