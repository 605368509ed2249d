// SPDX-License-Identifier: MIT
import { z } from "zod";
import { method } from "./method.ts";
import type { Contract, ErrorCases } from "./method.ts";
import {
  containerId,
  containerState,
  deleteResult,
  event,
  eventType,
  execId,
  exitResult,
  labels,
  ociProcess,
  rootfsMount,
  signal,
  stdioParams,
  text,
  timestamp,
} from "./schemas.ts";
import { stats } from "./stats_schema.ts";

const empty = z.strictObject({});
const target = z.strictObject({ id: containerId });
const processTarget = z.strictObject({
  id: containerId,
  execId: execId.optional().meta({ description: "Exec process id; defaults to the init process" }),
});

/** Errors that every method of the daemon can return. */
export const daemonErrors: ErrorCases = {
  InvalidParams: "the params do not match the schema; `data.issues` names each path",
  Unavailable: "the daemon is stopping",
  ResourceExhausted: "the disk is full, or there are too many open files or concurrent calls",
  Internal: "a bug in berth, or a system error that has no kind of its own",
  Cancelled: "the caller cancelled the call with `$/cancelRequest`",
};

const findsContainer: ErrorCases = { NotFound: "no such container" };

const asksShim: ErrorCases = {
  ...findsContainer,
  Unavailable: "the shim is gone or cannot be reached, or the daemon is stopping",
  DeadlineExceeded: "the shim or the OCI runtime did not answer in time",
};

const asksRuntime: ErrorCases = { ...asksShim, RuntimeError: "the OCI runtime failed" };

/** Every method of the daemon's socket. */
export const daemonContract = {
  "daemon.info": method(
    "daemon.info",
    "Returns the daemon's version, configuration and start time.",
    empty,
    z.object({
      name: z.literal("berth").meta({ description: "Name of the program; always berth" }),
      version: z.string().meta({ description: "Version of the daemon" }),
      protocol: z.int().meta({
        description: "Version of the protocol between the daemon and its shims",
      }),
      pid: z.int().meta({ description: "Pid of the daemon" }),
      instance: z.string().meta({ description: "Unique id of this start of the daemon" }),
      state: z.string().meta({ description: "State directory" }),
      root: z.string().meta({ description: "Directory of the data that is kept across reboots" }),
      runtime: z.object({
        path: z.string().meta({ description: "Runtime as configured: a name in PATH, or a path" }),
        version: z.string().meta({ description: "Version that the runtime reports" }),
      }).meta({ description: "Default OCI runtime" }),
      startedAt: timestamp,
      containers: z.int().meta({ description: "Number of containers" }),
    }),
    {},
  ),
  "container.create": method(
    "container.create",
    "Creates a container, with its bundle and shim. The container's process is not started yet.",
    z.strictObject({
      id: containerId,
      spec: z.record(z.string(), z.unknown()).meta({
        description: "OCI runtime spec of the container",
      }),
      rootfs: z.array(rootfsMount).optional().meta({
        description: "Mounts that make up the rootfs, in the order of mounting",
      }),
      ...stdioParams,
      runtime: text.optional().meta({
        description: "OCI runtime: a name in PATH, or a path; defaults to the configured one",
      }),
      noPivot: z.boolean().optional().meta({
        description: "Do not use pivot_root; needed if the root filesystem is a ramdisk",
      }),
      labels: labels.optional(),
      group: z.string().min(1).optional().meta({
        description: "Shim group: containers of one group share a shim process",
      }),
      checkpoint: text.startsWith("/").optional().meta({
        description: "Directory of a checkpoint to restore from when the container is started",
      }),
    }),
    z.object({
      id: z.string().meta({ description: "Container id" }),
      pid: z.int().meta({
        description: "Pid of the init process; 0 if the container is restored from a checkpoint",
      }),
      bundle: z.string().meta({ description: "Bundle directory" }),
    }),
    {
      AlreadyExists: "the id is taken",
      FailedPrecondition:
        "mounting the rootfs failed, or a previous container with this id has not been cleaned up",
      Unavailable: "the shim could not be started or has died, or the daemon is stopping",
      RuntimeError: "the OCI runtime failed; the container has been removed",
      DeadlineExceeded: "the shim or the OCI runtime did not answer in time",
    },
  ),
  "container.start": method(
    "container.start",
    "Starts the process of a created container.",
    target,
    z.object({ pid: z.int().meta({ description: "Pid of the init process" }) }),
    { ...asksRuntime, FailedPrecondition: "the container is not in the created state" },
  ),
  "container.state": method(
    "container.state",
    "Returns the full state of a container.",
    target,
    containerState,
    findsContainer,
  ),
  "container.list": method(
    "container.list",
    "Lists containers with their full state.",
    empty,
    z.object({
      containers: z.array(containerState).meta({
        description: "Containers, in no particular order",
      }),
    }),
    {},
  ),
  "container.wait": method(
    "container.wait",
    "Waits for a process to exit and returns its exit status. Returns immediately if it has exited.",
    processTarget,
    exitResult,
    { NotFound: "no such container or exec process" },
  ),
  "container.kill": method(
    "container.kill",
    "Sends a signal to a process, or to every process in the container.",
    processTarget.extend({
      signal,
      all: z.boolean().optional().meta({
        description: "Send the signal to every process in the container",
      }),
    }),
    empty,
    {
      ...asksRuntime,
      NotFound: "no such container or process, or the process has exited",
      FailedPrecondition: "the container has not been restored yet and has no process",
    },
  ),
  "container.pause": method(
    "container.pause",
    "Freezes every process of the container.",
    target,
    empty,
    { ...asksRuntime, FailedPrecondition: "the container is not running" },
  ),
  "container.resume": method(
    "container.resume",
    "Resumes a paused container.",
    target,
    empty,
    { ...asksRuntime, FailedPrecondition: "the container is not paused" },
  ),
  "container.exec": method(
    "container.exec",
    "Runs another process in a running container.",
    z.strictObject({
      id: containerId,
      execId: execId.optional().meta({ description: "Exec process id; generated if not given" }),
      process: ociProcess,
      ...stdioParams,
    }),
    z.object({
      execId: z.string().meta({ description: "Exec process id, as given or generated" }),
      pid: z.int().meta({ description: "Pid in the host's pid namespace" }),
    }),
    {
      ...asksRuntime,
      AlreadyExists: "the execId is taken",
      FailedPrecondition: "the container is not running, or is paused",
    },
  ),
  "container.deleteProcess": method(
    "container.deleteProcess",
    "Deletes an exec process that has exited and returns its exit status.",
    z.strictObject({ id: containerId, execId }),
    deleteResult,
    {
      ...asksShim,
      NotFound: "no such container or exec process",
      FailedPrecondition: "the process is running",
    },
  ),
  "container.resizePty": method(
    "container.resizePty",
    "Sets the size of a process's terminal, in characters.",
    processTarget.extend({
      width: z.int().min(1).max(65535).meta({ description: "Width in columns" }),
      height: z.int().min(1).max(65535).meta({ description: "Height in rows" }),
    }),
    empty,
    {
      ...asksShim,
      NotFound: "no such container or process",
      FailedPrecondition: "the process has no terminal, or has exited",
    },
  ),
  "container.closeStdin": method(
    "container.closeStdin",
    "Closes berth's end of a process's stdin. The process reads EOF once no other writer is left.",
    processTarget,
    empty,
    { ...asksShim, NotFound: "no such container or process" },
  ),
  "container.pids": method(
    "container.pids",
    "Lists the processes in the container's cgroup.",
    target,
    z.object({
      processes: z.array(z.object({
        pid: z.int().meta({ description: "Pid in the host's pid namespace" }),
        execId: z.string().optional().meta({
          description: "Exec process id; set for the first process of an exec",
        }),
      })).meta({ description: "Processes in the cgroup of the container" }),
    }),
    findsContainer,
  ),
  "container.stats": method(
    "container.stats",
    "Returns the resource usage of a container, read from its cgroup.",
    target,
    stats,
    {
      ...findsContainer,
      FailedPrecondition: "the container has stopped and has no cgroup",
    },
  ),
  "container.update": method(
    "container.update",
    "Changes the resource limits of a container.",
    target.extend({
      resources: z.record(z.string(), z.unknown()).meta({
        description: "OCI linux.resources; members that are not given are not changed",
      }),
    }),
    empty,
    { ...asksRuntime, FailedPrecondition: "the container has stopped" },
  ),
  "container.checkpoint": method(
    "container.checkpoint",
    "Writes a checkpoint of a running container to a directory, with CRIU.",
    target.extend({
      path: text.startsWith("/").meta({ description: "Directory to write the checkpoint to" }),
      exit: z.boolean().optional().meta({ description: "Stop the container after the checkpoint" }),
    }),
    empty,
    { ...asksRuntime, FailedPrecondition: "the container is not running" },
  ),
  "container.delete": method(
    "container.delete",
    "Deletes a stopped or created container and returns its exit status; with force also a running one.",
    target.extend({
      force: z.boolean().optional().meta({
        description: "Kill the container first if it is running",
      }),
      instance: z.string().optional().meta({
        description: "Delete the container only if it is still this instance",
      }),
    }),
    deleteResult,
    {
      ...asksRuntime,
      NotFound: "no such container, or the container is another instance",
      FailedPrecondition:
        "the container is running and `force` is not set, or one of its mounts is busy",
    },
  ),
  "events.subscribe": method(
    "events.subscribe",
    "Subscribes this connection to events. Each event is sent as an events.event notification.",
    z.strictObject({
      after: z.int().min(0).optional().meta({
        description:
          "Send every event after this sequence number; if not given, only new events are sent",
      }),
      ids: z.array(z.string()).optional().meta({ description: "Only events of these containers" }),
      types: z.array(eventType).optional().meta({ description: "Only events of these types" }),
    }),
    z.object({
      subscription: z.string().meta({
        description: "Subscription id, used in notifications and to unsubscribe",
      }),
      oldest: z.int().meta({
        description: "Sequence number of the oldest event that is kept; 0 if there is none",
      }),
      latest: z.int().meta({
        description: "Sequence number of the newest event; 0 if there is none",
      }),
      gap: z.boolean().meta({
        description:
          "True if events after `after` are no longer kept, or if `after` is greater than " +
          "`latest`; all events that are kept are then sent",
      }),
    }),
    {
      ResourceExhausted:
        "the connection has too many subscriptions, or a reason common to all methods",
    },
  ),
  "events.unsubscribe": method(
    "events.unsubscribe",
    "Ends a subscription of this connection.",
    z.strictObject({
      subscription: z.string().meta({ description: "Subscription id, from events.subscribe" }),
    }),
    empty,
    { NotFound: "the connection has no such subscription" },
  ),
} as const satisfies Contract;

/** Type of the daemon's contract, for typed clients and handlers. */
export type DaemonContract = typeof daemonContract;

/** The notification that carries an event to a subscriber. */
export const eventNotification = {
  name: "events.event",
  params: z.object({
    subscription: z.string().meta({ description: "Subscription id, from events.subscribe" }),
    event: event.meta({ description: "The event" }),
    gap: z.boolean().optional().meta({
      description: "True if events before this one were lost, because the subscriber was too slow",
    }),
  }),
} as const;
