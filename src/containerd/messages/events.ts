// SPDX-License-Identifier: MIT
// The events that a shim forwards to containerd, and the call that forwards them.
import { message } from "../protobuf/fields.ts";
import { Any, Mount, Timestamp } from "./types.ts";

const Envelope = message({
  timestamp: [1, Timestamp],
  namespace: [2, "string"],
  topic: [3, "string"],
  event: [4, Any],
});

export const ForwardRequest = message({ envelope: [1, Envelope] });

const TaskIoMessage = message({
  stdin: [1, "string"],
  stdout: [2, "string"],
  stderr: [3, "string"],
  terminal: [4, "bool"],
});

export const TaskCreate = message({
  container_id: [1, "string"],
  bundle: [2, "string"],
  rootfs: [3, Mount, "repeated"],
  io: [4, TaskIoMessage],
  checkpoint: [5, "string"],
  pid: [6, "uint32"],
});

export const TaskStart = message({ container_id: [1, "string"], pid: [2, "uint32"] });

/** `id` is the exec's id, or the container's for its init. */
export const TaskExit = message({
  container_id: [1, "string"],
  id: [2, "string"],
  pid: [3, "uint32"],
  exit_status: [4, "uint32"],
  exited_at: [5, Timestamp],
});

export const TaskDelete = message({
  container_id: [1, "string"],
  pid: [2, "uint32"],
  exit_status: [3, "uint32"],
  exited_at: [4, Timestamp],
});

/** The message of TaskOOM, TaskPaused and TaskResumed. */
export const TaskNotice = message({ container_id: [1, "string"] });

export const TaskExecAdded = message({ container_id: [1, "string"], exec_id: [2, "string"] });

export const TaskExecStarted = message({
  container_id: [1, "string"],
  exec_id: [2, "string"],
  pid: [3, "uint32"],
});

export const TaskCheckpointed = message({ container_id: [1, "string"], checkpoint: [2, "string"] });
