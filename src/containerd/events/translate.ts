// SPDX-License-Identifier: MIT
// Translates events of a shim into those of containerd.
import type { StdioPaths } from "../../oci/bundle_layout.ts";
import type { ShimEvent } from "../../rpc/contract/shim.ts";
import {
  TaskCheckpointed,
  TaskCreate,
  TaskDelete,
  TaskExecAdded,
  TaskExecStarted,
  TaskExit,
  TaskNotice,
  TaskStart,
} from "../messages/events.ts";
import type { Mount } from "../messages/types.ts";
import { encode } from "../protobuf/codec.ts";
import type { Encodable, MessageType } from "../protobuf/fields.ts";
import { timestampOf } from "../messages/time.ts";
import type { QueuedEvent } from "./forwarder.ts";

/** Topics of the calls after which containerd asks for the state or the pid. */
const ASKED_ABOUT = ["create", "start"];

/** A container as the `create` event has it. */
export interface CreatedContainer {
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: readonly Encodable<typeof Mount>[];
  readonly stdio: StdioPaths;
  readonly checkpoint: string;
}

/** Returns an event of a shim as containerd has it; undefined where it has none like it. */
export function translateEvent(
  event: ShimEvent,
  container: CreatedContainer,
): QueuedEvent | undefined {
  const { type, pid, execId = "", timestamp: time } = event;
  const container_id = container.id;
  switch (type) {
    case "create": {
      const { bundle, rootfs, stdio, checkpoint } = container;
      const io = { ...stdio };
      const values = { container_id, bundle, rootfs, io, checkpoint, pid };
      return queued("create", "TaskCreate", TaskCreate, values, time);
    }
    case "start":
      return queued("start", "TaskStart", TaskStart, { container_id, pid }, time);
    case "exec-added": {
      const values = { container_id, exec_id: execId };
      return queued("exec-added", "TaskExecAdded", TaskExecAdded, values, time);
    }
    case "exec-started": {
      const values = { container_id, exec_id: execId, pid };
      return queued("exec-started", "TaskExecStarted", TaskExecStarted, values, time);
    }
    case "exit": {
      const values = {
        container_id,
        id: execId || container_id,
        pid,
        exit_status: event.exitStatus ?? 0,
        exited_at: timestampOf(event.exitedAt),
      };
      return queued("exit", "TaskExit", TaskExit, values, time);
    }
    case "paused":
      return queued("paused", "TaskPaused", TaskNotice, { container_id }, time);
    case "resumed":
      return queued("resumed", "TaskResumed", TaskNotice, { container_id }, time);
    case "checkpointed": {
      const values = { container_id, checkpoint: event.path ?? "" };
      return queued("checkpointed", "TaskCheckpointed", TaskCheckpointed, values, time);
    }
    default:
      return undefined;
  }
}

/** Returns the event of an OOM kill in a container. */
export function oomEvent(id: string): QueuedEvent {
  const time = new Date().toISOString();
  return queued("oom", "TaskOOM", TaskNotice, { container_id: id }, time);
}

/** Returns the event of the deletion of a container. */
export function deleteEvent(
  id: string,
  { pid, exitStatus, exitedAt }: { pid: number; exitStatus: number; exitedAt: string },
): QueuedEvent {
  const exited_at = timestampOf(exitedAt);
  const values = { container_id: id, pid, exit_status: exitStatus, exited_at };
  return queued("delete", "TaskDelete", TaskDelete, values, new Date().toISOString());
}

function queued<M extends MessageType>(
  topic: string,
  name: string,
  type: M,
  values: Encodable<M>,
  time: string,
): QueuedEvent {
  return {
    topic: `/tasks/${topic}`,
    type: `containerd.events.${name}`,
    time,
    isAskedAbout: ASKED_ABOUT.includes(topic),
    // Not before it is delivered: the answer to the call that has made the event goes first.
    get value() {
      return encode(type, values);
    },
  };
}
