// SPDX-License-Identifier: MIT
import { SIGKILL } from "../linux/process/signals.ts";

/**
 * How a process ended, as berth keeps it, records it and tells its clients. `Exit` is what the kernel
 * says of it to the reaper.
 */
export interface ProcessExit {
  /** Exit code, or 128 + signal. */
  readonly exitStatus: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly exitedAt: string;
  /** The exit was not observed; `exitStatus` is a guess. */
  readonly exitStatusUnknown?: boolean | undefined;
}

/** An event, or the state of a process, which has the members of an exit if there was one. */
type MaybeExited = { readonly [Name in keyof ProcessExit]?: ProcessExit[Name] | undefined };

/** Returns the exit of a process that was not observed; its status is a guess. */
export function unseenExit(): ProcessExit {
  return {
    exitStatus: 128 + SIGKILL,
    exitedAt: new Date().toISOString(),
    exitStatusUnknown: true,
  };
}

/** Returns the members of an exit alone, without what else is recorded beside them. */
export function exitOf(exit: ProcessExit): ProcessExit;
/** Returns the exit that an event or a state tells; undefined if it tells none. */
export function exitOf(exited: MaybeExited): ProcessExit | undefined;
export function exitOf(
  { exitStatus, exitedAt, exitStatusUnknown }: MaybeExited,
): ProcessExit | undefined {
  if (exitStatus === undefined || exitedAt === undefined) return undefined;
  return { exitStatus, exitedAt, ...(exitStatusUnknown ? { exitStatusUnknown } : {}) };
}

/** Returns the time of an exit: the machine's clock may have been set back since the start. */
export function notBefore(startedAt: string | undefined, exitedAt: string): string {
  return startedAt !== undefined && startedAt > exitedAt ? startedAt : exitedAt;
}
