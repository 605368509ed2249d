// SPDX-License-Identifier: MIT
import { z } from "zod";
import { method } from "./method.ts";
import type { Contract, ErrorCases } from "./method.ts";
import {
  containerStatus,
  deleteResult,
  eventType,
  execId,
  execState,
  exitResult,
  ociProcess,
  signal,
  stdioParams,
  timestamp,
} from "./schemas.ts";

const empty = z.strictObject({});
const processTarget = z.strictObject({
  execId: execId.optional().meta({ description: "Exec id; left out: the init process" }),
});

/** One event as a shim keeps it until it is acknowledged; `seq` is the shim's own for the bundle. */
export const shimEvent = z.object({
  seq: z.int().meta({ description: "Grows by one per event of this bundle" }),
  timestamp,
  type: eventType.meta({ description: "The type of an event" }),
  pid: z.int().meta({ description: "Pid of the process that it is about" }),
  execId: z.string().optional().meta({ description: "Absent: it is about the init process" }),
  exitStatus: z.int().optional().meta({ description: "Exit code, or 128 + signal" }),
  exitedAt: timestamp.optional(),
  exitStatusUnknown: z.boolean().optional().meta({
    description: "Nobody saw how it ended; exitStatus is a guess",
  }),
  path: z.string().optional().meta({ description: "Where a checkpoint was written" }),
});

/** The state of one container as its shim knows it. */
export const shimState = z.object({
  status: z.enum(["none", "creating", ...containerStatus.options, "deleted"]).meta({
    description: "none: never created; creating: its create is under way; deleted: may be left",
  }),
  pid: z.int().meta({ description: "Init's pid; 0 where there is none yet" }),
  startedAt: timestamp.optional(),
  exitStatus: z.int().optional().meta({ description: "Exit code, or 128 + signal" }),
  exitedAt: timestamp.optional(),
  exitStatusUnknown: z.boolean().optional().meta({
    description: "Nobody saw how it ended; exitStatus is a guess",
  }),
  processes: z.array(execState).meta({ description: "Every exec process that was not deleted" }),
});

/** What any method of a shim may answer. */
export const shimErrors: ErrorCases = {
  InvalidParams: "the params do not fit; `data.issues` names each path",
  ResourceExhausted: "disk full, too many open files, too many calls at once",
  Internal: "a bug of berth, or a failure of the system that has no kind of its own",
};

const findsExec: ErrorCases = { NotFound: "no such exec process" };

const asksRuntime: ErrorCases = { RuntimeError: "the OCI runtime failed" };

/**
 * Every method of a bundle's `shim.sock`. The socket says which container. What `shim.create` needs
 * stands in the bundle's `berth.json` and `config.json`. The shim itself checks params by hand (see
 * `src/shim/api/params.ts`), so that it need not load the schema library.
 */
export const shimContract = {
  "shim.connect": method(
    "shim.connect",
    "Says which shim this is and what it serves.",
    empty,
    z.object({
      pid: z.int().meta({ description: "The shim's pid" }),
      version: z.string().meta({ description: "berth's version in the shim" }),
      protocol: z.int().meta({ description: "Version of this protocol" }),
      instance: z.string().meta({ description: "The container instance in berth.json" }),
    }),
    {},
  ),
  "shim.create": method(
    "shim.create",
    "Mounts the rootfs and creates the container as the bundle says.",
    empty,
    z.object({ pid: z.int().meta({ description: "Init's pid; 0 for a restore" }) }),
    {
      FailedPrecondition: "it was created before, or a mount of its rootfs failed",
      RuntimeError: "the OCI runtime failed; nothing is left of the container",
    },
  ),
  "shim.start": method(
    "shim.start",
    "Starts the container's process.",
    empty,
    z.object({ pid: z.int().meta({ description: "Init's pid" }) }),
    { ...asksRuntime, FailedPrecondition: "it is not just created" },
  ),
  "shim.delete": method(
    "shim.delete",
    "Deletes the stopped or created container; an exec process with execId.",
    processTarget,
    deleteResult,
    {
      ...asksRuntime,
      NotFound: "no such exec process",
      FailedPrecondition: "the container or the exec process runs, or a mount of it is busy",
    },
  ),
  "shim.exec": method(
    "shim.exec",
    "Runs another process in the container.",
    z.strictObject({ execId, process: ociProcess, ...stdioParams }),
    z.object({
      execId: z.string().meta({ description: "As given" }),
      pid: z.int().meta({ description: "Its pid, as the host sees it" }),
    }),
    {
      ...asksRuntime,
      AlreadyExists: "the execId is taken",
      FailedPrecondition: "the container does not run, or is paused",
      ResourceExhausted:
        "disk full, too many open files, or too many events that nobody has acknowledged",
    },
  ),
  "shim.state": method("shim.state", "Tells the container's state.", empty, shimState, {}),
  "shim.wait": method(
    "shim.wait",
    "Answers when the process has exited.",
    processTarget,
    exitResult,
    findsExec,
  ),
  "shim.kill": method(
    "shim.kill",
    "Sends a signal to a process, or to all in the container.",
    processTarget.extend({
      signal,
      all: z.boolean().optional().meta({ description: "Signal every process in the container" }),
    }),
    empty,
    {
      NotFound: "no such exec process, or the process has exited",
      FailedPrecondition: "the container has no process yet",
      RuntimeError: "the OCI runtime failed, which is asked with `all`",
    },
  ),
  "shim.pause": method("shim.pause", "Freezes the container.", empty, empty, {
    ...asksRuntime,
    FailedPrecondition: "it does not run",
  }),
  "shim.resume": method("shim.resume", "Thaws the container.", empty, empty, {
    ...asksRuntime,
    FailedPrecondition: "it is not paused",
  }),
  "shim.resizePty": method(
    "shim.resizePty",
    "Sets the size of a process's terminal.",
    processTarget.extend({
      width: z.int().min(1).max(65535).meta({ description: "Columns" }),
      height: z.int().min(1).max(65535).meta({ description: "Rows" }),
    }),
    empty,
    { ...findsExec, FailedPrecondition: "the process has no terminal, or has exited" },
  ),
  "shim.closeStdin": method(
    "shim.closeStdin",
    "Closes the shim's end of a process's stdin.",
    processTarget,
    empty,
    { ...findsExec, FailedPrecondition: "the container is not created" },
  ),
  "shim.pids": method(
    "shim.pids",
    "Lists every process in the container.",
    empty,
    z.object({
      processes: z.array(z.object({
        pid: z.int().meta({ description: "As the host sees it" }),
        execId: z.string().optional().meta({ description: "Set for an exec's first process" }),
      })).meta({ description: "Every process in the cgroup" }),
    }),
    { FailedPrecondition: "the container has no process yet, or has stopped" },
  ),
  "shim.update": method(
    "shim.update",
    "Changes the container's resource limits.",
    z.strictObject({
      resources: z.record(z.string(), z.unknown()).meta({
        description: "OCI linux.resources; what is left out stays",
      }),
    }),
    empty,
    { ...asksRuntime, FailedPrecondition: "it is not created, or has stopped" },
  ),
  "shim.checkpoint": method(
    "shim.checkpoint",
    "Writes a checkpoint of the container.",
    z.strictObject({
      path: z.string().startsWith("/").meta({ description: "Directory to write to" }),
      exit: z.boolean().optional().meta({ description: "Stop the container afterwards" }),
    }),
    empty,
    { ...asksRuntime, FailedPrecondition: "it does not run" },
  ),
  "shim.events": method(
    "shim.events",
    "Sends every kept event after the given one, then each new one, as shim.event notifications.",
    z.strictObject({
      after: z.int().min(0).meta({ description: "The shim's seq; 0: all that are kept" }),
    }),
    z.object({ latest: z.int().meta({ description: "Highest seq so far; 0 if none" }) }),
    {},
  ),
  "shim.ack": method(
    "shim.ack",
    "Lets the shim forget events up to and including seq.",
    z.strictObject({ seq: z.int().min(0).meta({ description: "The shim's seq" }) }),
    empty,
    {},
  ),
  "shim.exit": method(
    "shim.exit",
    "Stops serving this bundle; the process leaves when it serves none, unless reuse is granted.",
    z.strictObject({
      reuse: z.boolean().optional().meta({
        description: "Wait for another bundle instead, if it may",
      }),
    }),
    z.object({ reused: z.boolean().meta({ description: "Whether it waits for another bundle" }) }),
    { FailedPrecondition: "there is a container: delete it first" },
  ),
  "shim.serve": method(
    "shim.serve",
    "Serves one more bundle from this process: binds its shim.sock and writes its shim.json.",
    z.strictObject({
      bundle: z.string().startsWith("/").meta({ description: "The bundle directory" }),
      adopt: z.boolean().optional().meta({
        description: "Take over the running container of a shim that died",
      }),
    }),
    z.object({ pid: z.int().meta({ description: "The shim's pid" }) }),
    {
      FailedPrecondition: "it is served already, is no bundle, or has what cannot be removed yet",
      RuntimeError: "the OCI runtime failed, which is asked with `adopt`",
    },
  ),
} as const satisfies Contract;

/** The shim's methods, for typed clients and handlers. */
export type ShimContract = typeof shimContract;
/** One event as a shim keeps it. */
export type ShimEvent = z.output<typeof shimEvent>;
/** The state of one container as its shim knows it. */
export type ShimState = z.output<typeof shimState>;

/** The notification that carries a shim's event. */
export const shimEventNotification = { name: "shim.event", params: shimEvent } as const;
