// SPDX-License-Identifier: MIT
import type { TestDaemon } from "./daemon.ts";

/**
 * Lets others through the directories above the state directory, which are not berth's: root of a user
 * namespace is one of them.
 */
export function openAbove(daemon: TestDaemon): void {
  for (let dir = daemon.state; dir !== "/tmp"; dir = dir.slice(0, dir.lastIndexOf("/"))) {
    if (dir !== daemon.state) Deno.chmodSync(dir, 0o711);
  }
}
