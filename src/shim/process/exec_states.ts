// SPDX-License-Identifier: MIT
import { FailedPreconditionError } from "../../rpc/errors.ts";
import type { ProcessExit } from "./init_states.ts";

/** What an exec process is: as a container, without paused. */
export type ExecState =
  | { readonly name: "creating" }
  | { readonly name: "running"; readonly pid: number }
  | { readonly name: "stopped"; readonly pid: number; readonly exit: ProcessExit }
  | { readonly name: "deleted" };

/** Name of an {@linkcode ExecState}. */
export type ExecStateName = ExecState["name"];

/** What can be asked of an exec process, or happen to it. */
export type ExecAction = "started" | "start-failed" | "exit" | "delete";

/** The one table: which action is allowed where, and where it leads. */
const TRANSITIONS: Readonly<
  Record<ExecStateName, Readonly<Partial<Record<ExecAction, ExecStateName>>>>
> = {
  creating: { started: "running", "start-failed": "deleted" },
  running: { exit: "stopped" },
  stopped: { delete: "deleted" },
  deleted: {},
};

/**
 * Answers the state that `action` leads to.
 *
 * @throws {FailedPreconditionError} naming the exec, the action and the current state.
 */
export function nextExecState(
  id: string,
  execId: string,
  state: ExecStateName,
  action: ExecAction,
): ExecStateName {
  const next = TRANSITIONS[state][action];
  if (next === undefined) {
    throw new FailedPreconditionError(
      `cannot ${action} exec ${execId} of container ${id}: it is ${state}`,
      { data: { id, execId, status: state } },
    );
  }
  return next;
}
