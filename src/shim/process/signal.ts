// SPDX-License-Identifier: MIT
// Signals processes that may exit meanwhile.
import { ESRCH, isErrno } from "../../linux/libc/errno.ts";
import { kill } from "../../linux/process/process.ts";
import type { Exit } from "../../linux/process/reaper.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { processExited } from "./process_errors.ts";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";

/** A process whose exit is awaited. */
export interface ProcessHandle {
  /** Resolves when it has exited; rejects if the exit was missed. */
  readonly exited: Promise<Exit>;
}

/**
 * Sends SIGKILL to a watched child unless it has exited: its pid may have been reused since.
 */
export async function killUnlessExited(pid: number, { exited }: ProcessHandle): Promise<void> {
  let over = false;
  const end = () => void (over = true);
  exited.then(end, end);
  // The exit of a reaped process is handled in microtasks, before the next turn.
  await yieldToEventLoop();
  if (!over) unlessReaped(() => kill(pid, SIGKILL));
}

/**
 * Runs `send`, which signals a process. Ignores ESRCH: the process was reaped in this turn of the event
 * loop, and its exit is about to be handled.
 */
export function unlessReaped(send: () => void): void {
  try {
    send();
  } catch (error) {
    if (!isErrno(error, ESRCH)) throw error;
  }
}

/**
 * Runs `send`, which signals a process.
 *
 * @throws {NotFoundError} if it was reaped in this turn of the event loop.
 */
export function signaling(id: string, execId: string | undefined, send: () => void): void {
  try {
    send();
  } catch (error) {
    if (isErrno(error, ESRCH)) throw processExited(id, execId);
    throw error;
  }
}
