// SPDX-License-Identifier: MIT
import { z } from "zod";
import { EVENT_TYPES } from "./event_types.ts";
import { ID_PATTERN, ID_RULE } from "./ids.ts";

/** A string that reaches the kernel, which ends it at a NUL. */
export const text = z.string().refine((s) => !s.includes("\0"), "must not contain NUL");

/** A container id: 1 to 76 characters, a letter or digit first. */
export const containerId = z.string().regex(ID_PATTERN, ID_RULE).meta({
  description: "Container id",
});

/** The id of an exec process; formed like a container id, unique within its container. */
export const execId = containerId.meta({ description: "Exec id" });

/** A signal as a number, or a name with or without `SIG`; resolved by `parseSignal`. */
export const signal = z.union([z.int().min(1).max(64), z.string().min(1)]).meta({
  description: "Signal number, or name with or without SIG",
});

/**
 * One stdio target: `""` is nothing (stdin gets EOF, output is discarded), an absolute path is a
 * FIFO, and `file:///abs/path` (stdout and stderr only) is a file that is appended to.
 */
export const stdioTarget = text.refine(
  (s) => s === "" || s.startsWith("/") || s.startsWith("file:///"),
  "must be empty, the absolute path of a FIFO, or file:///absolute/path",
).meta({ description: 'FIFO path, file:///path (output only), or "" for nothing' });

/** stdin of a process: a FIFO or nothing. */
export const stdinTarget = text.refine(
  (s) => s === "" || s.startsWith("/"),
  "must be empty or the absolute path of a FIFO",
).meta({ description: 'FIFO path, or "" for EOF at once' });

/** The stdio of a process, as create and exec take it. */
export const stdioParams = {
  stdin: stdinTarget.optional(),
  stdout: stdioTarget.optional(),
  stderr: stdioTarget.optional(),
  terminal: z.boolean().optional().meta({ description: "Give the process a pty" }),
};

/** A moment as RFC 3339 with milliseconds, UTC. */
export const timestamp = z.string().meta({ description: "RFC 3339, UTC, milliseconds" });

/** One mount that makes up the rootfs. */
export const rootfsMount = z.strictObject({
  type: text.meta({ description: "Filesystem type, or bind" }),
  source: text.meta({ description: "Device, directory or name, as in mount(8)" }),
  target: text.optional().meta({
    description: "Where, relative to the rootfs; left out: the rootfs itself",
  }),
  options: z.array(text).optional().meta({ description: "As in mount(8) -o" }),
});

/** Free-form labels of a container. */
export const labels = z.record(z.string(), z.string()).meta({ description: "Free-form labels" });

/**
 * An OCI process, whole or in part: what is left out comes from the container's own spec. The shape
 * of each member is checked by the OCI schema when the call is handled.
 */
export const ociProcess = z.looseObject({
  args: z.array(z.string()).min(1).meta({ description: "The program and its arguments" }),
}).meta({
  description: "OCI process; what it leaves out comes from the container's spec",
});

/** The status of a container. */
export const containerStatus = z.enum(["created", "running", "paused", "stopped"]);

/** The status of an exec process. */
export const execStatus = z.enum(["created", "running", "stopped"]);

/** How a process ended. */
export const exitResult = z.object({
  exitStatus: z.int().meta({ description: "Exit code, or 128 + signal" }),
  exitedAt: timestamp,
});

/** Answer of a delete: how the process had ended. */
export const deleteResult = exitResult.extend({
  pid: z.int().meta({ description: "Pid that the process had" }),
});

/** An exec process in a container's state. */
export const execState = z.object({
  execId: z.string().meta({ description: "Exec id" }),
  pid: z.int().meta({ description: "Its pid, as the host sees it" }),
  status: execStatus.meta({ description: "The status of an exec process" }),
  exitStatus: z.int().optional().meta({
    description: "Exit code, or 128 + signal; once it has exited",
  }),
  exitedAt: timestamp.optional(),
});

/** How the daemon stands with a container's shim. */
export const shimStatus = z.enum(["connected", "connecting", "unavailable", "gone", "none"]).meta({
  description:
    "connected; connecting; unavailable: does not answer; gone: died, being cleaned up; none: no_shim",
});

/** The whole state of a container. */
export const containerState = z.object({
  id: z.string().meta({ description: "Container id" }),
  instance: z.string().meta({
    description: "Unique per create, so that a reused id is told apart",
  }),
  status: containerStatus.meta({ description: "The status of a container" }),
  pid: z.int().meta({ description: "Init's pid; 0 before a restore has started" }),
  bundle: z.string().meta({ description: "The bundle directory" }),
  runtime: z.string().meta({ description: "The OCI runtime, as given or configured" }),
  terminal: z.boolean().meta({ description: "Whether the process has a pty" }),
  stdin: z.string().meta({ description: "As given to create" }),
  stdout: z.string().meta({ description: "As given to create" }),
  stderr: z.string().meta({ description: "As given to create" }),
  labels: labels.meta({ description: "As given to create" }),
  createdAt: timestamp,
  startedAt: timestamp.optional(),
  exitStatus: z.int().optional().meta({ description: "Exit code, or 128 + signal; once stopped" }),
  exitedAt: timestamp.optional(),
  exitStatusUnknown: z.boolean().optional().meta({
    description: "The process has ended and nobody saw how; exitStatus is then a guess (137)",
  }),
  oomKilled: z.boolean().optional().meta({
    description: "The OOM killer has killed a process of it",
  }),
  group: z.string().optional().meta({ description: "Shim group" }),
  shimPid: z.int().meta({ description: "The shim's pid; the daemon's own with no_shim" }),
  shim: shimStatus,
  processes: z.array(execState).meta({ description: "Its exec processes that were not deleted" }),
});

/** The event types. */
export const eventType = z.enum(EVENT_TYPES);

/** Which figures an `oom` event carries. */
export const oomDetails = z.object({
  cgroup: z.string().meta({ description: "The cgroup whose limit was hit" }),
  limit: z.int().optional().meta({ description: "Bytes" }),
  usage: z.int().optional().meta({ description: "Bytes" }),
  kills: z.int().meta({ description: "OOM kills in this container so far" }),
});

/** One event as subscribers get it. */
export const event = z.object({
  seq: z.int().meta({ description: "Grows by one per event, across daemon restarts" }),
  timestamp,
  runtime: z.literal("linux").meta({ description: "Always linux" }),
  type: eventType.meta({ description: "The type of an event" }),
  id: z.string().meta({ description: "Container id" }),
  instance: z.string().meta({ description: "The container's instance, as in its state" }),
  pid: z.int().meta({ description: "Pid of the process that it is about" }),
  execId: z.string().optional().meta({ description: "Absent: it is about the init process" }),
  exitStatus: z.int().optional().meta({ description: "Exit code, or 128 + signal" }),
  exitedAt: timestamp.optional(),
  synthetic: z.boolean().optional().meta({
    description: "The shim was gone: the daemon says this exit for it",
  }),
  oom: oomDetails.optional().meta({ description: "Of an oom event" }),
  path: z.string().optional().meta({ description: "Where a checkpoint was written" }),
});

/** The whole state of a container, as `container.state` answers it. */
export type ContainerState = z.output<typeof containerState>;
/** An exec process in a container's state. */
export type ExecState = z.output<typeof execState>;
/** One event as subscribers get it. */
export type Event = z.output<typeof event>;
/** The type of an event. */
export type EventType = z.output<typeof eventType>;
/** The status of a container. */
export type ContainerStatus = z.output<typeof containerStatus>;
/** The status of an exec process. */
export type ExecStatus = z.output<typeof execStatus>;
/** How a process ended. */
export type ExitResult = z.output<typeof exitResult>;
/** Answer of a delete. */
export type DeleteResult = z.output<typeof deleteResult>;
/** One mount that makes up the rootfs. */
export type RootfsMount = z.output<typeof rootfsMount>;
/** An OCI process, whole or in part. */
export type OciProcess = z.output<typeof ociProcess>;
/** How the daemon stands with a container's shim. */
export type ShimStatus = z.output<typeof shimStatus>;
