// SPDX-License-Identifier: MIT
import { kill } from "../linux/process.ts";
import type { Exit } from "../linux/reaper.ts";
import { SIGKILL } from "../linux/signals.ts";
import { nextTurn } from "../rpc/next_turn.ts";

/** The exit to come of a process; in an object, for async functions wait for a bare promise. */
export interface Watched {
  readonly exited: Promise<Exit>;
}

/**
 * Sends SIGKILL to a watched child unless it is known to have exited: then its pid may be another
 * process's by now.
 */
export async function killUnlessExited(pid: number, { exited }: Watched): Promise<void> {
  let over = false;
  const end = () => void (over = true);
  exited.then(end, end);
  // An exit that has been seen is told in microtasks, all of which run before the next turn.
  await nextTurn();
  if (!over) kill(pid, SIGKILL);
}
