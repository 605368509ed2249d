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
  execId: execId.optional().meta({ description: "Exec id; left out: the init process" }),
});

/** What any method of the daemon may answer. */
export const daemonErrors: ErrorCases = {
  InvalidParams: "the params do not fit; `data.issues` names each path",
  Unavailable: "the daemon is stopping",
  ResourceExhausted: "disk full, too many open files, too many calls at once",
  Internal: "a bug of berth, or a failure of the system that has no kind of its own",
};

const findsContainer: ErrorCases = { NotFound: "no such container" };

const asksShim: ErrorCases = {
  ...findsContainer,
  Unavailable: "the shim is gone or cannot be reached",
  DeadlineExceeded: "the shim or the OCI runtime did not answer in time",
};

const asksRuntime: ErrorCases = { ...asksShim, RuntimeError: "the OCI runtime failed" };

/** Every method of the daemon's socket. */
export const daemonContract = {
  "daemon.info": method(
    "daemon.info",
    "Says which daemon this is and how it is set up.",
    empty,
    z.object({
      name: z.literal("berth").meta({ description: "Always berth" }),
      version: z.string().meta({ description: "berth's version" }),
      protocol: z.int().meta({ description: "Version of the protocol to its shims" }),
      pid: z.int().meta({ description: "The daemon's pid" }),
      instance: z.string().meta({ description: "Unique per daemon start" }),
      state: z.string().meta({ description: "The state directory" }),
      root: z.string().meta({ description: "The directory of what outlives a reboot" }),
      runtime: z.object({
        path: z.string().meta({ description: "As configured: a name in PATH, or a path" }),
        version: z.string().meta({ description: "What it says of itself" }),
      }).meta({ description: "The default OCI runtime" }),
      startedAt: timestamp,
      containers: z.int().meta({ description: "How many there are" }),
    }),
    {},
  ),
  "container.create": method(
    "container.create",
    "Makes a bundle and its shim, and creates the container; its process does not run yet.",
    z.strictObject({
      id: containerId,
      spec: z.record(z.string(), z.unknown()).meta({ description: "OCI runtime spec" }),
      rootfs: z.array(rootfsMount).optional().meta({
        description: "Mounted in this order on the bundle's rootfs",
      }),
      ...stdioParams,
      runtime: text.optional().meta({ description: "Name in PATH, or a path" }),
      noPivot: z.boolean().optional().meta({ description: "No pivot_root, for a ramdisk root" }),
      labels: labels.optional(),
      group: z.string().min(1).optional().meta({
        description: "Containers of one group share a shim process",
      }),
      checkpoint: text.startsWith("/").optional().meta({
        description: "Restore from this checkpoint at start",
      }),
    }),
    z.object({
      id: z.string().meta({ description: "Container id" }),
      pid: z.int().meta({ description: "Init's pid; 0 for a restore" }),
      bundle: z.string().meta({ description: "The bundle directory" }),
    }),
    {
      AlreadyExists: "the id is taken",
      FailedPrecondition:
        "a mount of its rootfs failed, or what an earlier one left is still there",
      Unavailable: "its shim could not be started or has died",
      RuntimeError: "the OCI runtime failed; nothing is left of the container",
      DeadlineExceeded: "the shim or the OCI runtime did not answer in time",
    },
  ),
  "container.start": method(
    "container.start",
    "Starts the process of a created container.",
    target,
    z.object({ pid: z.int().meta({ description: "Init's pid" }) }),
    { ...asksRuntime, FailedPrecondition: "it is not just created" },
  ),
  "container.state": method(
    "container.state",
    "Tells everything about one container.",
    target,
    containerState,
    findsContainer,
  ),
  "container.list": method(
    "container.list",
    "Tells the state of every container.",
    empty,
    z.object({ containers: z.array(containerState).meta({ description: "In no given order" }) }),
    {},
  ),
  "container.wait": method(
    "container.wait",
    "Answers when the process has exited; at once if it already has.",
    processTarget,
    exitResult,
    { NotFound: "no such container or exec process" },
  ),
  "container.kill": method(
    "container.kill",
    "Sends a signal to a process, or with all to every process in the container.",
    processTarget.extend({
      signal,
      all: z.boolean().optional().meta({ description: "Signal every process in the container" }),
    }),
    empty,
    {
      ...asksRuntime,
      NotFound: "no such container or process, or it has exited",
      FailedPrecondition: "it is to be restored by its start: there is no process yet",
    },
  ),
  "container.pause": method(
    "container.pause",
    "Freezes every process of the container.",
    target,
    empty,
    { ...asksRuntime, FailedPrecondition: "it does not run" },
  ),
  "container.resume": method(
    "container.resume",
    "Thaws a paused container.",
    target,
    empty,
    { ...asksRuntime, FailedPrecondition: "it is not paused" },
  ),
  "container.exec": method(
    "container.exec",
    "Runs another process in a running container.",
    z.strictObject({
      id: containerId,
      execId: execId.optional().meta({ description: "Left out: one is made up" }),
      process: ociProcess,
      ...stdioParams,
    }),
    z.object({
      execId: z.string().meta({ description: "Exec id, given or made up" }),
      pid: z.int().meta({ description: "Its pid, as the host sees it" }),
    }),
    {
      ...asksRuntime,
      AlreadyExists: "the execId is taken",
      FailedPrecondition: "the container does not run, or is paused",
    },
  ),
  "container.deleteProcess": method(
    "container.deleteProcess",
    "Forgets an exec process that has exited.",
    z.strictObject({ id: containerId, execId }),
    deleteResult,
    {
      ...asksShim,
      NotFound: "no such container or exec process",
      FailedPrecondition: "the process runs",
    },
  ),
  "container.resizePty": method(
    "container.resizePty",
    "Sets the size of a process's terminal, in characters.",
    processTarget.extend({
      width: z.int().min(1).max(65535).meta({ description: "Columns" }),
      height: z.int().min(1).max(65535).meta({ description: "Rows" }),
    }),
    empty,
    {
      ...asksShim,
      NotFound: "no such container or process",
      FailedPrecondition: "it has no terminal, or has exited",
    },
  ),
  "container.closeStdin": method(
    "container.closeStdin",
    "Closes berth's end of a process's stdin: it gets EOF once other writers are gone.",
    processTarget,
    empty,
    { ...asksShim, NotFound: "no such container or process" },
  ),
  "container.pids": method(
    "container.pids",
    "Lists every process in the container's cgroup.",
    target,
    z.object({
      processes: z.array(z.object({
        pid: z.int().meta({ description: "As the host sees it" }),
        execId: z.string().optional().meta({ description: "Set for an exec's first process" }),
      })).meta({ description: "Every process in the cgroup" }),
    }),
    findsContainer,
  ),
  "container.stats": method(
    "container.stats",
    "Reads the container's cgroup figures.",
    target,
    stats,
    {
      ...findsContainer,
      FailedPrecondition: "it has stopped: there are no figures to read",
    },
  ),
  "container.update": method(
    "container.update",
    "Changes the container's resource limits (OCI linux.resources).",
    target.extend({
      resources: z.record(z.string(), z.unknown()).meta({
        description: "OCI linux.resources; what is left out stays",
      }),
    }),
    empty,
    { ...asksRuntime, FailedPrecondition: "it has stopped" },
  ),
  "container.checkpoint": method(
    "container.checkpoint",
    "Writes the container's state to a directory through CRIU.",
    target.extend({
      path: text.startsWith("/").meta({ description: "Directory to write to" }),
      exit: z.boolean().optional().meta({ description: "Stop the container afterwards" }),
    }),
    empty,
    { ...asksRuntime, FailedPrecondition: "it does not run" },
  ),
  "container.delete": method(
    "container.delete",
    "Removes a stopped or created container; with force also a running one.",
    target.extend({
      force: z.boolean().optional().meta({ description: "Also a running one: kill it first" }),
      instance: z.string().optional().meta({
        description: "Only the container of this instance, not another one that has its id by now",
      }),
    }),
    deleteResult,
    {
      ...asksRuntime,
      NotFound: "no such container, or it is not of this instance",
      FailedPrecondition: "it runs, and `force` is not set; or a mount of it is busy",
    },
  ),
  "events.subscribe": method(
    "events.subscribe",
    "Sends events.event notifications on this connection, from after the given seq on.",
    z.strictObject({
      after: z.int().min(0).optional().meta({ description: "Left out: only what is to come" }),
      ids: z.array(z.string()).optional().meta({ description: "Only of these containers" }),
      types: z.array(eventType).optional().meta({ description: "Only of these types" }),
    }),
    z.object({
      subscription: z.string().meta({ description: "Names it in notifications and to end it" }),
      oldest: z.int().meta({ description: "Lowest seq still kept; 0 if none" }),
      latest: z.int().meta({ description: "Highest seq so far; 0 if none" }),
      gap: z.boolean().meta({
        description:
          "Events after `after` are no longer kept; or `after` is beyond `latest`, and " +
          "all that are kept are sent",
      }),
    }),
    { ResourceExhausted: "this connection has too many subscriptions, or as for any method" },
  ),
  "events.unsubscribe": method(
    "events.unsubscribe",
    "Ends a subscription of this connection.",
    z.strictObject({ subscription: z.string().meta({ description: "From events.subscribe" }) }),
    empty,
    { NotFound: "this connection has no such subscription" },
  ),
} as const satisfies Contract;

/** The daemon's methods, for typed clients and handlers. */
export type DaemonContract = typeof daemonContract;

/** The notification that carries an event to a subscriber. */
export const eventNotification = {
  name: "events.event",
  params: z.object({
    subscription: z.string().meta({ description: "From events.subscribe" }),
    event: event.meta({ description: "What happened" }),
    gap: z.boolean().optional().meta({
      description: "Events before this one are no longer kept: the subscriber was too slow",
    }),
  }),
} as const;
