// SPDX-License-Identifier: MIT
// The messages of containerd's Task service, versions 2 and 3 alike.
import { message } from "../protobuf/fields.ts";
import { Any, Mount, Timestamp } from "./types.ts";

/** States of a process (containerd.v1.types.Status). */
export const STATUS = { unknown: 0, created: 1, running: 2, stopped: 3, paused: 4, pausing: 5 };

/** The request of many methods: names a process; the container's init where there is no `exec_id`. */
export const ProcessRequest = message({ id: [1, "string"], exec_id: [2, "string"] });

/** The request of methods that are about the whole container. */
export const ContainerRequest = message({ id: [1, "string"] });

export const StateResponse = message({
  id: [1, "string"],
  bundle: [2, "string"],
  pid: [3, "uint32"],
  status: [4, "int32"],
  stdin: [5, "string"],
  stdout: [6, "string"],
  stderr: [7, "string"],
  terminal: [8, "bool"],
  exit_status: [9, "uint32"],
  exited_at: [10, Timestamp],
  exec_id: [11, "string"],
});

export const CreateRequest = message({
  id: [1, "string"],
  bundle: [2, "string"],
  rootfs: [3, Mount, "repeated"],
  terminal: [4, "bool"],
  stdin: [5, "string"],
  stdout: [6, "string"],
  stderr: [7, "string"],
  checkpoint: [8, "string"],
  parent_checkpoint: [9, "string"],
  options: [10, Any],
});

/** The response of Create and Start. */
export const PidResponse = message({ pid: [1, "uint32"] });

export const DeleteResponse = message({
  pid: [1, "uint32"],
  exit_status: [2, "uint32"],
  exited_at: [3, Timestamp],
});

const ProcessInfo = message({ pid: [1, "uint32"], info: [2, Any] });

export const PidsResponse = message({ processes: [1, ProcessInfo, "repeated"] });

export const CheckpointTaskRequest = message({
  id: [1, "string"],
  path: [2, "string"],
  options: [3, Any],
});

export const KillRequest = message({
  id: [1, "string"],
  exec_id: [2, "string"],
  signal: [3, "uint32"],
  all: [4, "bool"],
});

export const ExecProcessRequest = message({
  id: [1, "string"],
  exec_id: [2, "string"],
  terminal: [3, "bool"],
  stdin: [4, "string"],
  stdout: [5, "string"],
  stderr: [6, "string"],
  spec: [7, Any],
});

export const ResizeRequest = message({
  id: [1, "string"],
  exec_id: [2, "string"],
  width: [3, "uint32"],
  height: [4, "uint32"],
});

export const CloseIoRequest = message({
  id: [1, "string"],
  exec_id: [2, "string"],
  stdin: [3, "bool"],
});

export const UpdateRequest = message({
  id: [1, "string"],
  resources: [2, Any],
  annotations: [3, "map"],
});

export const WaitResponse = message({ exit_status: [1, "uint32"], exited_at: [2, Timestamp] });

export const StatsResponse = message({ stats: [1, Any] });

export const ConnectResponse = message({
  shim_pid: [1, "uint32"],
  task_pid: [2, "uint32"],
  version: [3, "string"],
});

export const ShutdownRequest = message({ id: [1, "string"], now: [2, "bool"] });

/** The `info` of an exec's process in {@linkcode PidsResponse}. */
export const ProcessDetails = message({ exec_id: [1, "string"] });
