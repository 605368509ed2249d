// SPDX-License-Identifier: MIT
import { z } from "zod";
import { isRecord } from "../is_record.ts";
import { EVENT_TYPES } from "./event_types.ts";
import { ID_PATTERN, ID_RULE } from "./ids.ts";
import {
  MAX_ARG_LENGTH,
  MAX_ARGS,
  MAX_LABEL_BYTES,
  MAX_LABELS,
  MAX_MOUNT_OPTIONS,
  MAX_SIGNAL_NAME,
  MAX_TEXT,
} from "./limits.ts";
import { networkState } from "./network/schemas.ts";

// A rule that a string must match goes into `errorMessage` too: the JSON Schema, by which params are
// checked, has no message for a pattern.

/** Creates the schema of a string that must match a pattern. */
export function textLike(pattern: RegExp, rule: string, max: number): z.ZodString {
  return z.string().max(max).regex(pattern, rule).meta({ errorMessage: rule });
}

/**
 * Returns a string that is passed to the kernel. It must not contain NUL, where the kernel would
 * cut it.
 */
export function kernelText(max: number): z.ZodString {
  return textLike(/^[^\0]*$/, "must be a string without NUL", max);
}

/** An absolute path. */
export const absolutePath = textLike(/^\/[^\0]*$/, "must be an absolute path", MAX_TEXT);

/** A JSON object whose members berth passes on as they are: none is lost, whatever its name. */
export const jsonObject = z.custom<Record<string, unknown>>(isRecord, "must be an object")
  .meta({ type: "object" });

/** A container id: 1 to 76 characters, a letter or digit first. */
export const containerId = textLike(ID_PATTERN, ID_RULE, 76).meta({ description: "Container id" });

/** The id of an exec process: the same form as a container id, unique within its container. */
export const execId = containerId.meta({ description: "Exec process id" });

/** A signal: a number, or a name with or without `SIG`. `parseSignal` resolves it. */
export const signal = z.union([
  z.int().min(1).max(64),
  z.string().min(1).max(MAX_SIGNAL_NAME),
]).meta({ description: "Signal number, or signal name with or without SIG" });

/**
 * Where a process's output goes: `""` discards it, an absolute path names a FIFO, and
 * `file:///abs/path` names a file to append to.
 */
export const stdioTarget = textLike(
  /^((file:\/\/)?\/[^\0]*)?$/,
  "must be empty, the absolute path of a FIFO, or file:///absolute/path",
  MAX_TEXT,
).meta({ description: 'FIFO path, file:///path to append to, or "" to discard the output' });

/** Where a process's stdin comes from: an absolute path names a FIFO, `""` gives EOF. */
export const stdinTarget = textLike(
  /^(\/[^\0]*)?$/,
  "must be empty or the absolute path of a FIFO",
  MAX_TEXT,
).meta({ description: 'FIFO path, or "" for immediate EOF' });

/** The stdio params of create and exec. */
export const stdioParams = {
  stdin: stdinTarget.optional(),
  stdout: stdioTarget.optional(),
  stderr: stdioTarget.optional(),
  terminal: z.boolean().optional().meta({
    description: "Allocate a pseudo-terminal for the process",
  }),
};

/** Creates the schema of a time in RFC 3339 format, UTC, with milliseconds. */
export function time(what: string): z.ZodString {
  return z.string().meta({ description: `${what}, in RFC 3339 format, UTC, with milliseconds` });
}

/** How the output of a container is logged. */
export const logDriver = z.enum(["cri", "raw", "none"]).meta({
  description:
    "Log format. cri: records with time and stream, rotated; raw: the output unchanged; " +
    "none: the output is discarded",
});

/** Where the output of a container is logged, as create takes it. */
export const logParams = z.strictObject({
  driver: logDriver.optional(),
  path: absolutePath.optional().meta({
    description: "Current file, which is appended to and kept when the container is deleted; " +
      "defaults to a file below <root>/logs/<id>, which is deleted with the container",
  }),
  maxSize: z.int().min(64 * 1024).max(2 ** 40).optional().meta({
    description: "Size in bytes at which a file of CRI records is rotated",
  }),
  maxFile: z.int().min(1).max(1000).optional().meta({
    description: "Number of files of CRI records that are kept, including the current one",
  }),
}).meta({
  description:
    "Where to log the output. If stdout or stderr also names a FIFO, the output goes there " +
    "too while the FIFO is read. Members that are not given are taken from [logs] of the config",
});

/** Where the output of a container is logged. */
export const logState = z.object({
  driver: logDriver,
  path: z.string().meta({ description: "Current file; empty with the driver none" }),
  maxSize: z.int().meta({ description: "Size in bytes at which a file of CRI records is rotated" }),
  maxFile: z.int().meta({ description: "Number of files of CRI records that are kept" }),
}).meta({ description: "Where the output of a container is logged" });

/** Where the output of a container is logged, as create takes it. */
export type LogParams = z.output<typeof logParams>;
/** Where the output of a container is logged. */
export type LogState = z.output<typeof logState>;

/** When the daemon starts a container again that has exited. */
export const restartPolicy = z.strictObject({
  policy: z.enum(["no", "on-failure", "always", "unless-stopped"]).meta({
    description: "no: never; on-failure: after an exit status other than 0; always: after every " +
      "exit, and when the daemon starts; unless-stopped: like always, but not when the daemon " +
      "starts and the container was stopped before",
  }),
  maxRetries: z.int().min(0).max(2 ** 31 - 1).optional().meta({
    description:
      "Maximum number of restarts with on-failure since the container was last started by " +
      "a call; 0, the default, is no limit",
  }),
}).meta({
  description: "When the daemon starts a container again that has exited. The delay is 100 ms at " +
    "first and doubles up to a minute; it begins again after a run of 10 seconds. A container " +
    "that was stopped by a call is not restarted until it is started again",
});

/** The policy as a state tells it: open for members to come. */
const restartState = z.object(restartPolicy.shape);

/** When the daemon starts a container again that has exited. */
export type RestartPolicy = z.output<typeof restartPolicy>;

/** A restart that the daemon will make. */
export const restartDetails = z.object({
  count: z.int().meta({
    description: "Number of restarts since the container was last started by a call",
  }),
  at: z.string().meta({
    description: "Time at which it is due, in RFC 3339 format, UTC, with milliseconds",
  }),
}).meta({ description: "A restart that the daemon will make" });

/** One of the mounts that make up the rootfs. */
export const rootfsMount = z.strictObject({
  type: kernelText(MAX_TEXT).meta({ description: "Filesystem type, or bind for a bind mount" }),
  source: kernelText(MAX_TEXT).meta({
    description: "Device, directory or name to mount, as in mount(8)",
  }),
  target: kernelText(MAX_TEXT).optional().meta({
    description: "Mount point relative to the rootfs; defaults to the rootfs itself",
  }),
  options: z.array(kernelText(MAX_TEXT)).max(MAX_MOUNT_OPTIONS).optional().meta({
    description: "Mount options, as for mount(8) -o",
  }),
}).meta({ description: "One of the mounts that make up the rootfs" });

/** Labels of a container: names and values chosen by the user. */
export const labels = z.custom<Record<string, string>>(isLabels, "must be an object of strings")
  .meta({
    description: "Labels: names and values chosen by the user, at most 64 KiB in total",
    type: "object",
    additionalProperties: { type: "string" },
    maxProperties: MAX_LABELS,
    "x-maxBytes": MAX_LABEL_BYTES,
  });

function isLabels(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every((label) => typeof label === "string");
}

/**
 * The OCI process of an exec. Members that are not given are taken from the container's spec. The
 * OCI schema checks the other members when the call is handled.
 */
export const ociProcess = z.looseObject({
  args: z.array(z.string().max(MAX_ARG_LENGTH)).min(1).max(MAX_ARGS).meta({
    description: "Program to run and its arguments",
  }),
  env: z.array(z.string().max(MAX_ARG_LENGTH)).max(MAX_ARGS).nullable().optional().meta({
    description: "Environment, each entry as NAME=value",
  }),
  cwd: z.string().max(MAX_TEXT).nullable().optional().meta({ description: "Working directory" }),
}).meta({
  description:
    "OCI process of an exec. Members that are not given are taken from the container's spec",
});

/** Status of a container. */
export const containerStatus = z.enum(["created", "running", "paused", "stopped"]).meta({
  description: "Status of a container",
});

/** Status of an exec process. */
export const execStatus = z.enum(["created", "running", "stopped"]).meta({
  description: "Status of an exec process",
});

const exitStatusUnknown = z.boolean().optional().meta({
  description: "True if the exit status could not be observed; exitStatus is then 137",
});

/** How a process exited. */
export const exitStatus = z.object({
  exitStatus: z.int().meta({ description: "Exit code, or 128 + signal number" }),
  exitedAt: time("Time of the exit"),
  exitStatusUnknown,
}).meta({ description: "How a process exited" });

/** Result of a delete: how the deleted process exited. */
export const deleteResult = exitStatus.extend({
  pid: z.int().meta({ description: "Pid of the deleted process" }),
}).meta({ description: "Result of a delete: how the deleted process exited" });

/** State of an exec process. */
export const execState = z.object({
  execId: z.string().meta({ description: "Exec process id" }),
  pid: z.int().meta({ description: "Pid in the host's pid namespace" }),
  status: execStatus,
  exitStatus: z.int().optional().meta({
    description: "Exit code, or 128 + signal number; set once the process has exited",
  }),
  exitedAt: time("Time of the exit").optional(),
}).meta({ description: "State of an exec process" });

/** A process in the cgroup of a container. */
export const cgroupProcess = z.object({
  pid: z.int().meta({ description: "Pid in the host's pid namespace" }),
  execId: z.string().optional().meta({
    description: "Exec process id; set for the first process of an exec",
  }),
}).meta({ description: "A process in the cgroup of a container" });

/** State of the daemon's connection to the container's shim. */
export const shimStatus = z.enum(["connected", "connecting", "unavailable", "gone", "none"]).meta({
  description: "Connection to a shim. unavailable: the shim does not answer; gone: the shim died " +
    "and the container is being cleaned up; none: the daemon runs without shims (no_shim), or the " +
    "container is stopped and needs none",
});

/** Full state of a container. */
export const containerState = z.object({
  id: z.string().meta({ description: "Container id" }),
  instance: z.string().meta({
    description: "Unique id of this creation; differs when an id is reused, and after each restart",
  }),
  status: containerStatus,
  pid: z.int().meta({
    description: "Pid of the init process; 0 until a restored container is started",
  }),
  bundle: z.string().meta({
    description:
      "Bundle directory; of a container that has no shim, the directory of its definition",
  }),
  runtime: z.string().meta({ description: "OCI runtime, as given to create or configured" }),
  terminal: z.boolean().meta({ description: "Whether the init process has a pseudo-terminal" }),
  stdin: z.string().meta({ description: "As given to create" }),
  stdout: z.string().meta({ description: "As given to create" }),
  stderr: z.string().meta({ description: "As given to create" }),
  log: logState.optional().meta({ description: "Set where the output is logged" }),
  labels: labels.meta({ description: "As given to create" }),
  createdAt: time("Time of the creation"),
  startedAt: time("Time of the start").optional(),
  exitStatus: z.int().optional().meta({
    description: "Exit code, or 128 + signal number; set once the init process has exited",
  }),
  exitedAt: time("Time of the exit").optional(),
  exitStatusUnknown,
  restart: restartState.optional().meta({
    description: "When the daemon starts the container again; absent for never",
  }),
  restartCount: z.int().optional().meta({
    description: "Number of restarts by the daemon since the container was last started by a call",
  }),
  restartingAt: time("Time at which the daemon will start the container again").optional(),
  lastExit: exitStatus.optional().meta({
    description: "How the run before this one ended; set for a container that was started again",
  }),
  autoRemove: z.boolean().optional().meta({
    description: "True if the daemon removes the container when it has exited",
  }),
  oomKilled: z.boolean().optional().meta({
    description: "True if the OOM killer has killed a process of the container",
  }),
  group: z.string().optional().meta({
    description: "Shim group: containers of one group share a shim process",
  }),
  network: networkState.optional().meta({
    description: "Network of the container; absent if CNI plugins have made none",
  }),
  shimPid: z.int().meta({
    description: "Pid of the shim; the daemon's own pid with no_shim",
  }),
  shim: shimStatus,
  processes: z.array(execState).meta({
    description: "Exec processes that have not been deleted",
  }),
}).meta({ description: "Full state of a container" });

/** Type of an event. */
export const eventType = z.enum(EVENT_TYPES).meta({ description: "Type of an event" });

/** Details of an `oom` event. */
export const oomDetails = z.object({
  cgroup: z.string().meta({ description: "Cgroup that reached its memory limit" }),
  limit: z.int().optional().meta({ description: "Memory limit of the cgroup, in bytes" }),
  usage: z.int().optional().meta({ description: "Memory usage of the cgroup, in bytes" }),
  kills: z.int().meta({ description: "Number of OOM kills in the container so far" }),
}).meta({ description: "Details of an oom event" });

/** An event in the life of a container. */
export const event = z.object({
  seq: z.int().meta({
    description: "Sequence number; increases by one per event, also across daemon restarts",
  }),
  timestamp: time("Time of the event"),
  runtime: z.literal("linux").meta({ description: "Kind of runtime; always linux" }),
  type: eventType,
  id: z.string().meta({ description: "Container id" }),
  instance: z.string().meta({ description: "Instance of the container, as in its state" }),
  labels: labels.optional().meta({
    description: "Labels of the container, as given to create; absent if it has none",
  }),
  pid: z.int().meta({ description: "Pid of the process that the event is about" }),
  execId: z.string().optional().meta({
    description: "Exec process that the event is about; absent for the init process",
  }),
  exitStatus: z.int().optional().meta({ description: "Exit code, or 128 + signal number" }),
  exitedAt: time("Time of the exit").optional(),
  exitStatusUnknown,
  synthetic: z.boolean().optional().meta({
    description: "True if the daemon published this exit because the shim was gone",
  }),
  oom: oomDetails.optional().meta({ description: "Details; only for oom events" }),
  path: z.string().optional().meta({
    description: "Checkpoint directory; only for checkpointed events",
  }),
  network: networkState.optional().meta({
    description: "Network of the container; only for create events",
  }),
  replaces: z.string().optional().meta({
    description: "Instance that this one takes the place of; only for create events of a restart",
  }),
  restart: restartDetails.optional().meta({ description: "Only for restarting events" }),
  error: z.string().optional().meta({
    description: "Why the container could not be started; only for restart-failed events",
  }),
}).meta({ description: "An event in the life of a container" });

/** Full state of a container; the result of `container.state`. */
export type ContainerState = z.output<typeof containerState>;
/** State of an exec process. */
export type ExecState = z.output<typeof execState>;
/** An event in the life of a container. */
export type Event = z.output<typeof event>;
/** Type of an event. */
export type EventType = z.output<typeof eventType>;
/** Status of a container. */
export type ContainerStatus = z.output<typeof containerStatus>;
/** Status of an exec process. */
export type ExecStatus = z.output<typeof execStatus>;
/** How a process exited. */
export type ExitStatus = z.output<typeof exitStatus>;
/** Result of a delete: how the deleted process exited. */
export type DeleteResult = z.output<typeof deleteResult>;
/** One of the mounts that make up the rootfs. */
export type RootfsMount = z.output<typeof rootfsMount>;
/** OCI process of an exec. */
export type OciProcess = z.output<typeof ociProcess>;
/** State of the daemon's connection to the container's shim. */
export type ShimStatus = z.output<typeof shimStatus>;
