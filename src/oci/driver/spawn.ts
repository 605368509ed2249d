// SPDX-License-Identifier: MIT
import type { Child, SpawnOptions } from "../../linux/process/reaper.ts";

export type { Child, Exit, SpawnOptions } from "../../linux/process/reaper.ts";

/**
 * Starts a program with real fds as its stdio; `Reaper.spawn` is one.
 *
 * Throws `LinuxError` if it cannot be started (ENOENT: there is no such program).
 */
export type Spawn = (argv: readonly string[], options?: SpawnOptions) => Child;
