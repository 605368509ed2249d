// SPDX-License-Identifier: MIT
import { SIGKILL } from "../../linux/process/signals.ts";

/** How a process ended. */
export interface ProcessExit {
  /** Exit code, or 128 + signal. */
  readonly exitStatus: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly exitedAt: string;
  /** The exit was not observed; `exitStatus` is a guess. */
  readonly exitStatusUnknown?: boolean;
}

/** Returns the exit of a process that was not observed; its status is a guess. */
export function unseenExit(): ProcessExit {
  return {
    exitStatus: 128 + SIGKILL,
    exitedAt: new Date().toISOString(),
    exitStatusUnknown: true,
  };
}

/** Returns what is told of an exit, whatever else its record says. */
export function exitOf({ exitStatus, exitedAt, exitStatusUnknown }: ProcessExit): ProcessExit {
  return { exitStatus, exitedAt, ...(exitStatusUnknown ? { exitStatusUnknown } : {}) };
}

/** Returns the time of an exit: the machine's clock may have been set back since the start. */
export function notBefore(startedAt: string | undefined, exitedAt: string): string {
  return startedAt !== undefined && startedAt > exitedAt ? startedAt : exitedAt;
}
