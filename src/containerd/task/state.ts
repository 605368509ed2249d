// SPDX-License-Identifier: MIT
import type { ShimState } from "../../rpc/contract/shim.ts";
import { type StateResponse, STATUS } from "../messages/task.ts";
import type { Encodable } from "../protobuf/fields.ts";
import type { TaskContainer } from "./container.ts";
import { timestampOf } from "../messages/time.ts";

const INIT_STATUS: Readonly<Record<ShimState["status"], number>> = {
  none: STATUS.unknown,
  creating: STATUS.unknown,
  created: STATUS.created,
  running: STATUS.running,
  paused: STATUS.paused,
  stopped: STATUS.stopped,
  deleted: STATUS.stopped,
};

const EXEC_STATUS = {
  created: STATUS.created,
  starting: STATUS.created,
  running: STATUS.running,
  stopped: STATUS.stopped,
  deleted: STATUS.stopped,
};

/** Returns the state of a container's init, or of one of its execs. */
export function stateOf(
  container: TaskContainer,
  execId: string,
): Encodable<typeof StateResponse> {
  return execId === "" ? initState(container) : execState(container, execId);
}

function initState(container: TaskContainer): Encodable<typeof StateResponse> {
  const { id, bundle, service } = container;
  const { status, pid, exitStatus, exitedAt } = service.state();
  const common = { id, bundle, pid, ...container.io("") };
  // An exit that is not told yet, for an exec is on its way, has not happened.
  if (status === "stopped" && !service.exitPublished) return { ...common, status: STATUS.running };
  return {
    ...common,
    status: INIT_STATUS[status],
    exit_status: exitStatus,
    exited_at: timestampOf(exitedAt),
  };
}

function execState(
  container: TaskContainer,
  execId: string,
): Encodable<typeof StateResponse> {
  const { bundle, service } = container;
  const { state } = service.execState(execId);
  const paused = state.name === "running" && service.state().status === "paused";
  return {
    id: execId,
    exec_id: execId,
    bundle,
    ...container.io(execId),
    pid: "pid" in state ? state.pid : 0,
    status: paused ? STATUS.paused : EXEC_STATUS[state.name],
    ...("exit" in state
      ? { exit_status: state.exit.exitStatus, exited_at: timestampOf(state.exit.exitedAt) }
      : {}),
  };
}
