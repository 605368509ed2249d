// SPDX-License-Identifier: MIT
// The contract of a shim's socket.
import * as z from "zod";
import { method } from "./method.ts";
import type { Contract, ErrorCases } from "./method.ts";
import {
  absolutePath,
  cgroupProcess,
  deleteResult,
  execId,
  exitStatus,
  jsonObject,
  ociProcess,
  signal,
  stdioParams,
} from "./schemas.ts";
import { runtimeCall, shimEvent, shimState } from "./schemas/shim.ts";
import type { RuntimeCall, ShimEvent } from "./schemas/shim.ts";

export type { RuntimeCall, ShimEvent, ShimState } from "./schemas/shim.ts";

const none = z.strictObject({});
const done = z.object({});
const processTarget = z.strictObject({
  execId: execId.optional().describe("Exec process id; defaults to the init process"),
});

/** Errors that every method of a shim can return. */
export const shimErrors: ErrorCases = {
  InvalidParams: "the params do not match the schema; `data.issues` names each path",
  ResourceExhausted: "the disk is full, or there are too many open files or concurrent calls",
  Internal: "a bug in berth, or a system error that has no kind of its own",
};

const findsExec: ErrorCases = { NotFound: "no such exec process" };

const asksRuntime: ErrorCases = { RuntimeError: "the OCI runtime failed" };

/**
 * Every method of a bundle's `shim.sock`. A socket serves one container, so no method takes an id.
 * `shim.create` reads its input from the bundle's `berth.json` and `config.json`. The shim checks
 * params by a table that is generated from these schemas, so that it does not load the schema library.
 */
export const shimContract = {
  "shim.connect": method(
    "shim.connect",
    "Returns the shim's version and the container instance that it serves.",
    none,
    z.object({
      pid: z.int().describe("Pid of the shim"),
      version: z.string().describe("Version of berth that the shim runs"),
      protocol: z.int().describe("Version of the protocol between the daemon and the shim"),
      instance: z.string().describe("Container instance, from berth.json"),
    }),
    {},
  ),
  "shim.create": method(
    "shim.create",
    "Mounts the rootfs and creates the container that the bundle describes.",
    none,
    z.object({
      pid: z.int().describe(
        "Pid of the init process; 0 if the container is restored from a checkpoint",
      ),
    }),
    {
      FailedPrecondition: "the container was created before, or mounting the rootfs failed",
      RuntimeError:
        "the OCI runtime failed; the container has been removed, unless `data.undone` is false",
    },
  ),
  "shim.start": method(
    "shim.start",
    "Starts the container's process.",
    none,
    z.object({ pid: z.int().describe("Pid of the init process") }),
    { ...asksRuntime, FailedPrecondition: "the container is not in the created state" },
  ),
  "shim.delete": method(
    "shim.delete",
    "Deletes the stopped or created container, or an exec process, and returns its exit status.",
    processTarget,
    deleteResult,
    {
      ...asksRuntime,
      NotFound: "no such exec process",
      FailedPrecondition:
        "the container or exec process is running, or a mount of the container is busy",
    },
  ),
  "shim.exec": method(
    "shim.exec",
    "Runs another process in the container.",
    z.strictObject({ execId, process: ociProcess, ...stdioParams }),
    z.object({
      execId: z.string().describe("Exec process id, as given"),
      pid: z.int().describe("Pid in the host's pid namespace"),
    }),
    {
      ...asksRuntime,
      AlreadyExists: "the execId is taken",
      FailedPrecondition: "the container is not running, or is paused",
      ResourceExhausted:
        "the disk is full, or there are too many open files or unacknowledged events",
    },
  ),
  "shim.state": method("shim.state", "Returns the state of the container.", none, shimState, {}),
  "shim.wait": method(
    "shim.wait",
    "Waits for a process to exit and returns its exit status.",
    processTarget,
    exitStatus,
    findsExec,
  ),
  "shim.kill": method(
    "shim.kill",
    "Sends a signal to a process, or to every process in the container.",
    processTarget.extend({
      signal,
      all: z.boolean().optional().describe("Send the signal to every process in the container"),
    }),
    done,
    {
      NotFound: "no such exec process, or the process has exited",
      FailedPrecondition: "the container has no process yet",
      RuntimeError: "the OCI runtime failed; it is only called with `all`",
    },
  ),
  "shim.pause": method("shim.pause", "Freezes the container.", none, done, {
    ...asksRuntime,
    FailedPrecondition: "the container is not running",
  }),
  "shim.resume": method("shim.resume", "Resumes the paused container.", none, done, {
    ...asksRuntime,
    FailedPrecondition: "the container is not paused",
  }),
  "shim.resizePty": method(
    "shim.resizePty",
    "Sets the size of a process's terminal, in characters.",
    processTarget.extend({
      width: z.int().min(1).max(65535).describe("Width in columns"),
      height: z.int().min(1).max(65535).describe("Height in rows"),
    }),
    done,
    { ...findsExec, FailedPrecondition: "the process has no terminal, or has exited" },
  ),
  "shim.closeStdin": method(
    "shim.closeStdin",
    "Closes the shim's end of a process's stdin.",
    processTarget,
    done,
    { ...findsExec, FailedPrecondition: "the container has not been created" },
  ),
  "shim.pids": method(
    "shim.pids",
    "Lists the processes in the container's cgroup.",
    none,
    z.object({
      processes: z.array(cgroupProcess).describe("Processes in the cgroup of the container"),
    }),
    { FailedPrecondition: "the container has no process yet, or has stopped" },
  ),
  "shim.update": method(
    "shim.update",
    "Changes the resource limits of the container.",
    z.strictObject({
      resources: jsonObject.describe(
        "OCI linux.resources; members that are not given are not changed",
      ),
    }),
    done,
    { ...asksRuntime, FailedPrecondition: "the container has not been created, or has stopped" },
  ),
  "shim.checkpoint": method(
    "shim.checkpoint",
    "Writes a checkpoint of the running container to a directory, with CRIU.",
    z.strictObject({
      path: absolutePath.describe("Directory to write the checkpoint to"),
      exit: z.boolean().optional().describe("Stop the container after the checkpoint"),
    }),
    done,
    { ...asksRuntime, FailedPrecondition: "the container is not running" },
  ),
  "shim.events": method(
    "shim.events",
    "Subscribes this connection to events. Each event is sent as a shim.event notification.",
    z.strictObject({
      after: z.int().min(0).describe(
        "Send every event after this sequence number of the shim; 0 sends all that are kept",
      ),
    }),
    z.object({
      latest: z.int().describe("Sequence number of the newest event; 0 if there is none"),
    }),
    {},
  ),
  "shim.ack": method(
    "shim.ack",
    "Acknowledges events. The shim discards those up to and including the given one.",
    z.strictObject({
      seq: z.int().min(0).describe("Sequence number of the last acknowledged event"),
    }),
    done,
    {},
  ),
  "shim.exit": method(
    "shim.exit",
    "Stops serving this bundle. A shim that serves no bundle exits, unless it is kept for reuse.",
    z.strictObject({
      reuse: z.boolean().optional().describe("Keep the shim for another bundle, if it allows that"),
    }),
    z.object({
      reused: z.boolean().describe("True if the shim waits for another bundle"),
    }),
    { FailedPrecondition: "the container has not been deleted" },
  ),
  "shim.serve": method(
    "shim.serve",
    "Starts to serve another bundle: binds its shim.sock and writes its shim.json.",
    z.strictObject({
      bundle: absolutePath.describe("Bundle directory"),
      adopt: z.boolean().optional().describe(
        "Take over the running container of a shim that has died",
      ),
    }),
    z.object({ pid: z.int().describe("Pid of the shim") }),
    {
      FailedPrecondition:
        "the bundle is already being served, is not a bundle, or cannot be cleaned up yet",
      RuntimeError: "the OCI runtime failed; it is only called with `adopt`",
    },
  ),
} as const satisfies Contract;

/** Type of the shim's contract, for typed clients and handlers. */
export type ShimContract = typeof shimContract;

/** The notification that carries an event of a shim. */
export const shimEventNotification = {
  name: "shim.event",
  summary: "An event of the container. Sent after `shim.events`.",
  params: shimEvent,
} as const;

/** The notification that reports a call of the OCI runtime. */
export const runtimeCallNotification = {
  name: "shim.runtimeCall",
  summary: "A call of the OCI runtime has ended. Sent after `shim.events`; not kept.",
  params: runtimeCall,
} as const;

/** Every notification that a shim sends, with the type of its params. */
export interface ShimNotifications {
  /** {@linkcode shimEventNotification} */
  readonly "shim.event": ShimEvent;
  /** {@linkcode runtimeCallNotification} */
  readonly "shim.runtimeCall": RuntimeCall;
}
