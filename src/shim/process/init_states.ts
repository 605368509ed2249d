// SPDX-License-Identifier: MIT
import { FailedPreconditionError } from "../../rpc/errors.ts";

/** How a process ended. */
export interface ProcessExit {
  /** Exit code, or 128 + signal. */
  readonly exitStatus: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly exitedAt: string;
  /** Nobody saw how it ended; `exitStatus` is a guess. */
  readonly exitStatusUnknown?: boolean;
}

/**
 * What a container, or rather its init process, is. A pid of 0 in `created` stands for a container
 * that a restore will bring to life.
 */
export type InitState =
  | { readonly name: "none" }
  | { readonly name: "creating" }
  | { readonly name: "created"; readonly pid: number }
  | { readonly name: "running"; readonly pid: number; readonly startedAt?: string }
  | { readonly name: "paused"; readonly pid: number; readonly startedAt?: string }
  | {
    readonly name: "stopped";
    readonly pid: number;
    readonly startedAt?: string;
    readonly exit: ProcessExit;
  }
  | {
    readonly name: "deleted";
    readonly pid: number;
    readonly startedAt?: string;
    readonly exit: ProcessExit;
  };

/** Name of an {@linkcode InitState}. */
export type InitStateName = InitState["name"];

/** What can be asked of a container, or happen to it. */
export type InitAction =
  | "create"
  | "created"
  | "create-failed"
  | "start"
  | "pause"
  | "resume"
  | "exec"
  | "update"
  | "checkpoint"
  | "exit"
  | "delete";

/** The one table: which action is allowed where, and where it leads. */
const TRANSITIONS: Readonly<
  Record<InitStateName, Readonly<Partial<Record<InitAction, InitStateName>>>>
> = {
  none: { create: "creating" },
  creating: { created: "created", "create-failed": "none" },
  // `stopped` is also reached from `created` by `start`: the process can end before the OCI runtime
  // has said that it runs.
  created: { start: "running", update: "created", exit: "stopped" },
  running: {
    pause: "paused",
    exec: "running",
    update: "running",
    checkpoint: "running",
    exit: "stopped",
  },
  paused: { resume: "running", update: "paused", checkpoint: "paused", exit: "stopped" },
  stopped: { delete: "deleted" },
  deleted: {},
};

/** How a state reads in a message. */
const WORDS: Readonly<Record<InitStateName, string>> = {
  none: "not created",
  creating: "being created",
  created: "created",
  running: "running",
  paused: "paused",
  stopped: "stopped",
  deleted: "deleted",
};

/** Whether `action` is allowed in `state`. */
export function allows(state: InitStateName, action: InitAction): boolean {
  return TRANSITIONS[state][action] !== undefined;
}

/** How `state` reads in a message. */
export function describeState(state: InitStateName): string {
  return WORDS[state];
}

/**
 * Answers the state that `action` leads to.
 *
 * @throws {FailedPreconditionError} naming the container, the action and the current state.
 */
export function nextState(id: string, state: InitStateName, action: InitAction): InitStateName {
  const next = TRANSITIONS[state][action];
  if (next === undefined) throw wrongState(id, action, state);
  return next;
}

/** The error that says that `what` cannot be done in the current state. */
export function wrongState(id: string, what: string, state: InitStateName): Error {
  return new FailedPreconditionError(
    `cannot ${what} container ${id}: it is ${describeState(state)}`,
    { data: { id, status: state } },
  );
}
