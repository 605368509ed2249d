// SPDX-License-Identifier: MIT
// The table of a container's states.
import { FailedPreconditionError } from "../../rpc/errors.ts";
import type { ProcessExit } from "../../oci/process_exit.ts";
import type { Lifecycle } from "./state_machine.ts";
import { known } from "./state_machine.ts";

/**
 * State of a container, which is that of its init process. A pid of 0 in `created` stands for a
 * container that a restore will bring to life.
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

/** Something that happened to a container and changes its state. */
export type InitEvent =
  | { readonly type: "create" }
  | { readonly type: "created"; readonly pid: number }
  | { readonly type: "create-failed" }
  /** A restore has made init. */
  | { readonly type: "restored"; readonly pid: number }
  /** `startedAt` is missing where another shim has started it. */
  | { readonly type: "started"; readonly startedAt?: string }
  | { readonly type: "paused" }
  | { readonly type: "resumed" }
  | { readonly type: "exited"; readonly exit: ProcessExit }
  | { readonly type: "deleted" };

/** Something that a caller can ask of a container. */
export type InitRequest =
  | "create"
  | "start"
  | "pause"
  | "resume"
  | "exec"
  | "update"
  | "checkpoint"
  | "delete";

/** The requests that are accepted in each state. */
const ACCEPTED: Readonly<Record<InitStateName, readonly InitRequest[]>> = {
  none: ["create"],
  creating: [],
  created: ["start", "update", "delete"],
  running: ["pause", "exec", "update", "checkpoint"],
  paused: ["resume", "update", "checkpoint"],
  stopped: ["delete"],
  // A delete whose answer was lost is asked for again.
  deleted: ["delete"],
};

/** The life of a container's init. */
export const INIT_LIFECYCLE: Lifecycle<InitState, InitEvent> = {
  initial: { name: "none" },
  table: {
    none: { create: "creating" },
    creating: { created: "created", "create-failed": "none" },
    created: { restored: "created", started: "running", exited: "stopped" },
    running: { paused: "paused", exited: "stopped" },
    paused: { resumed: "running", exited: "stopped" },
    // The process can end before the OCI runtime has said that it runs.
    stopped: { started: "stopped", deleted: "deleted" },
    deleted: {},
  },
  enter,
};

/** The facts that states and events can carry. */
interface InitFacts {
  readonly type: string;
  readonly pid?: number;
  readonly startedAt?: string;
  readonly exit?: ProcessExit;
}

function enter(name: InitStateName, previous: InitState, event: InitEvent): InitState {
  const { pid, startedAt, exit }: InitFacts = { ...previous, ...event };
  const started = startedAt === undefined ? {} : { startedAt };
  switch (name) {
    case "none":
    case "creating":
      return { name };
    case "created":
      return { name, pid: known(pid) };
    case "running":
    case "paused":
      return { name, pid: known(pid), ...started };
    case "stopped":
    case "deleted":
      return { name, pid: known(pid), ...started, exit: known(exit) };
  }
}

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

/** Returns whether a container in `state` accepts `request`. */
export function accepts(state: InitStateName, request: InitRequest): boolean {
  return ACCEPTED[state].includes(request);
}

/** Returns the error for something that cannot be done in the current state. */
export function wrongState(id: string, what: string, state: InitStateName): Error {
  return new FailedPreconditionError(
    `cannot ${what} container ${id}: it is ${WORDS[state]}`,
    { data: { id, status: state } },
  );
}
