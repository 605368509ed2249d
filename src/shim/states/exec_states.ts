// SPDX-License-Identifier: MIT
// The table of an exec process's states.
import { FailedPreconditionError } from "../../rpc/errors.ts";
import type { ProcessExit } from "../../oci/process_exit.ts";
import type { Lifecycle } from "./state_machine.ts";
import { known } from "./state_machine.ts";

/**
 * State of an exec process: the container's states without `paused`. One that could not be started
 * is `created` again.
 */
export type ExecProcessState =
  | { readonly name: "created" }
  | { readonly name: "starting" }
  | { readonly name: "running"; readonly pid: number }
  | { readonly name: "stopped"; readonly pid: number; readonly exit: ProcessExit }
  | { readonly name: "deleted" };

/** Something that happened to an exec process and changes its state. */
export type ExecEvent =
  | { readonly type: "start" }
  | { readonly type: "started"; readonly pid: number }
  | { readonly type: "start-failed" }
  | { readonly type: "exited"; readonly exit: ProcessExit }
  | { readonly type: "deleted" };

/** The life of an exec process. */
export const EXEC_LIFECYCLE: Lifecycle<ExecProcessState, ExecEvent> = {
  initial: { name: "created" },
  table: {
    created: { start: "starting", deleted: "deleted" },
    starting: { started: "running", "start-failed": "created" },
    running: { exited: "stopped" },
    stopped: { deleted: "deleted" },
    deleted: {},
  },
  enter,
};

/** The facts that states and events can carry. */
interface ExecFacts {
  readonly type: string;
  readonly pid?: number;
  readonly exit?: ProcessExit;
}

function enter(
  name: ExecProcessState["name"],
  previous: ExecProcessState,
  event: ExecEvent,
): ExecProcessState {
  const { pid, exit }: ExecFacts = { ...previous, ...event };
  switch (name) {
    case "created":
    case "starting":
    case "deleted":
      return { name };
    case "running":
      return { name, pid: known(pid) };
    case "stopped":
      return { name, pid: known(pid), exit: known(exit) };
  }
}

/** Returns the error for something that cannot be done to an exec in its current state. */
export function wrongExecState(
  id: string,
  execId: string,
  what: string,
  state: ExecProcessState["name"],
): Error {
  return new FailedPreconditionError(
    `cannot ${what} exec ${execId} of container ${id}: it is ${state}`,
    { data: { id, execId, status: state } },
  );
}
