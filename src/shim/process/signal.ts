// SPDX-License-Identifier: MIT
import { ESRCH, isErrno } from "../../linux/libc/errno.ts";
import { kill } from "../../linux/process/process.ts";
import type { Exit } from "../../linux/process/reaper.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";

/** A process whose exit is awaited. */
export interface ProcessHandle {
  /** Resolves when it has exited; rejects if that was not seen. */
  readonly exited: Promise<Exit>;
  /**
   * Signals it where it is no child of this process, whose pid nobody else could have.
   *
   * @throws LinuxError ESRCH when it has exited
   */
  signal?(signal: number): void;
}

/**
 * Sends SIGKILL to a watched child unless it is known to have exited: then its pid may be another
 * process's by now.
 */
export async function killUnlessExited(pid: number, { exited }: ProcessHandle): Promise<void> {
  let over = false;
  const end = () => void (over = true);
  exited.then(end, end);
  // An exit that has been seen is told in microtasks, after which the next turn comes.
  await yieldToEventLoop();
  if (!over) unlessReaped(() => kill(pid, SIGKILL));
}

/**
 * Does `send`, which signals a process. Nothing if that was reaped in this turn of the event loop,
 * which is about to be told.
 */
export function unlessReaped(send: () => void): void {
  try {
    send();
  } catch (error) {
    if (!isErrno(error, ESRCH)) throw error;
  }
}

/**
 * Does `send`, which signals a process.
 *
 * @throws {NotFoundError} if it was reaped in this turn of the event loop, and is about to be told.
 */
export function signalling(id: string, execId: string | undefined, send: () => void): void {
  try {
    send();
  } catch (error) {
    if (isErrno(error, ESRCH)) throw hasExited(id, execId);
    throw error;
  }
}

/** The error that says that a process cannot be signalled any more. */
export function hasExited(id: string, execId?: string): NotFoundError {
  return new NotFoundError(`cannot signal ${nameOf(id, execId)}: it has exited`, {
    data: targetData(id, execId),
  });
}

/** How a process of a container is named in messages. */
export function nameOf(id: string, execId: string | undefined): string {
  return execId === undefined ? `container ${id}` : `exec ${execId} of container ${id}`;
}

/** What an error about a process has as its data. */
export function targetData(
  id: string,
  execId: string | undefined,
): { id: string; execId?: string } {
  return execId === undefined ? { id } : { id, execId };
}
