// SPDX-License-Identifier: MIT
// The contract of the daemon's socket.
import * as z from "zod";
import { method } from "./method.ts";
import type { Contract, ErrorCases } from "./method.ts";
import { defaultSpecParams } from "./params/default_spec.ts";
import { networkList, networkParams } from "./schemas/network.ts";
import {
  MAX_EXECS,
  MAX_FILTER,
  MAX_MOUNTS,
  MAX_NAME,
  MAX_OWN_DIRS,
  MAX_PAGE,
  MAX_TEXT,
} from "./limits.ts";
import {
  containerList,
  createResult,
  daemonInfo,
  defaultSpecResult,
  eventList,
  execResult,
  processList,
  startResult,
  statsList,
  statsSample,
  statsSubscription,
  subscription,
} from "./results.ts";
import {
  absolutePath,
  containerId,
  containerState,
  containerStatus,
  deleteResult,
  event,
  eventType,
  execId,
  exitStatus,
  jsonObject,
  kernelText,
  labels,
  logParams,
  ociProcess,
  removal,
  restartPolicy,
  rootfsMount,
  signal,
  stdioParams,
  time,
} from "./schemas.ts";
import { stats } from "./stats_schema.ts";

const none = z.strictObject({});
const done = z.object({});
const target = z.strictObject({ id: containerId });
const processTarget = z.strictObject({
  id: containerId,
  execId: execId.optional().describe("Exec process id; defaults to the init process"),
});
const ids = z.array(z.string().max(MAX_NAME)).max(MAX_FILTER);
/** Seconds, at most a year; below 0 is forever. */
const stopTimeout = z.number().min(-1).max(365 * 86_400);
/** How a container is stopped. */
const stopParams = {
  signal: signal.optional().describe(
    "Defaults to the spec's annotation `org.opencontainers.image.stopSignal`, else SIGTERM",
  ),
  timeout: stopTimeout.optional().describe(
    "Seconds until SIGKILL, -1: never; defaults to the container's `stopTimeout`, else 10",
  ),
};
const pageLimit = z.int().min(1).max(MAX_PAGE).describe(
  "Maximum number of elements to return; fewer are returned if they are large",
);
const eventFilter = {
  ids: ids.optional().describe("Only events of these containers"),
  types: z.array(eventType).max(MAX_FILTER).optional().describe("Only events of these types"),
  labels: labels.optional().describe("Only events of containers that have all these labels"),
};

/** Errors that every method of the daemon can return. */
export const daemonErrors: ErrorCases = {
  InvalidParams: "the params do not match the schema; `data.issues` names each path",
  Unavailable: "the daemon is stopping",
  ResourceExhausted: "the disk is full, or there are too many open files or concurrent calls",
  Internal: "a bug in berth, or a system error that has no kind of its own",
  Cancelled: "the caller canceled the call with `$/cancelRequest`",
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
    none,
    daemonInfo,
    {},
  ),
  "spec.default": method(
    "spec.default",
    "Returns the OCI spec that `berth run` makes, for `container.create`. Creates nothing.",
    defaultSpecParams,
    defaultSpecResult,
    { FailedPrecondition: "`init` is set, and neither catatonit nor tini is installed" },
  ),
  "container.create": method(
    "container.create",
    "Creates a container, with its bundle and shim. The container's process is not started yet.",
    z.strictObject({
      id: containerId,
      spec: jsonObject.describe("OCI runtime spec of the container"),
      rootfs: z.array(rootfsMount).max(MAX_MOUNTS).optional().describe(
        "Mounts that make up the rootfs, in the order of mounting",
      ),
      ...stdioParams,
      log: logParams.optional(),
      network: networkParams.optional().describe(
        "Network of the container, made by CNI plugins; the spec must then not name " +
          "a network namespace",
      ),
      runtime: kernelText(MAX_TEXT).optional().describe(
        "OCI runtime: a name in PATH, or a path; defaults to the configured one",
      ),
      noPivot: z.boolean().optional().describe(
        "Do not use pivot_root; needed if the root filesystem is a ramdisk",
      ),
      labels: labels.optional(),
      instance: containerId.optional().describe(
        "Unique id of this creation, in the form of a container id, by which a caller " +
          "that has lost the response recognizes its container; generated if not given",
      ),
      stopTimeout: stopTimeout.optional().describe(
        "Seconds that `container.stop` waits before SIGKILL; defaults to 10. -1 waits " +
          "forever, or for 100 seconds when the machine goes down",
      ),
      restart: restartPolicy.optional(),
      autoRemove: z.boolean().optional().describe(
        "Remove the container when it has exited and its output FIFOs have no reader",
      ),
      removeDirs: z.array(absolutePath).max(MAX_OWN_DIRS).optional().describe(
        "With autoRemove: directories <root>/<kind>/<id>/… to remove with the container",
      ),
      group: z.string().min(1).max(MAX_NAME).optional().describe(
        "Shim group: containers of one group share a shim process",
      ),
      checkpoint: absolutePath.optional().describe(
        "Directory of a checkpoint to restore from when the container is started",
      ),
    }),
    createResult,
    {
      AlreadyExists: "the id is taken",
      NotFound: "no such network",
      FailedPrecondition: "mounting the rootfs failed, a previous container with this id has not " +
        "been cleaned up, a port of the host is taken, a CNI plugin is not installed, or the " +
        "container was removed while it was being created",
      NetworkError: "a CNI plugin failed; the container has been removed",
      Unavailable: "the shim could not be started or has died, or the daemon is stopping",
      RuntimeError: "the OCI runtime failed; the container has been removed",
      DeadlineExceeded: "the shim, the OCI runtime or a CNI plugin did not answer in time",
      ResourceExhausted: "a network has no free address, or a reason common to all methods",
    },
  ),
  "container.start": method(
    "container.start",
    "Starts the process of a created container, or runs a stopped container again: with the same " +
      "spec, rootfs and log, as a new instance. Does nothing if it is running.",
    target,
    startResult,
    {
      ...asksRuntime,
      FailedPrecondition: "the container is paused, its cgroup is in use, or it was stopped or " +
        "removed meanwhile",
      InvalidParams: "a FIFO that the container was created with is gone",
    },
  ),
  "container.restart": method(
    "container.restart",
    "Stops a container, if it is running, and runs it again.",
    z.strictObject({ id: containerId, ...stopParams }),
    startResult,
    {
      ...asksRuntime,
      FailedPrecondition:
        "the container has not been restored yet, its cgroup is in use, or it was stopped meanwhile",
      InvalidParams: "a FIFO that the container was created with is gone",
    },
  ),
  "container.rename": method(
    "container.rename",
    "Gives a stopped container another id; its files, its log, its labels, its restart policy and " +
      "its instance stay. Its network and its mounts are gone until the next start.",
    target.extend({
      newId: containerId.describe("Id that the container gets"),
      instance: z.string().max(MAX_NAME).optional().describe(
        "Rename the container only if it is still this instance",
      ),
    }),
    done,
    {
      ...asksRuntime,
      NotFound: "no such container, or the container is another instance",
      AlreadyExists: "the new id is taken",
      FailedPrecondition: "the container is not stopped, is being restarted, or may be restarted " +
        "in a moment; it has a restart policy and was never started; it is removed when it has " +
        "exited; its log is where early versions put logs; it shares its namespaces with another " +
        "container; one of its mounts is busy; or this rename, or an earlier one, could be neither " +
        "finished nor rolled back, which the next daemon does",
      NetworkError:
        "a CNI plugin failed to remove the container from its network; the removal is " +
        "retried in the background",
    },
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
    "Lists containers with their full state, ordered by id. A large list is returned in pages.",
    z.strictObject({
      ids: ids.optional().describe("Only these containers"),
      labels: labels.optional().describe("Only containers that have all these labels"),
      status: containerStatus.optional().describe("Only containers in this status"),
      limit: pageLimit.optional(),
      after: z.string().max(MAX_NAME).optional().describe(
        "Only containers whose id sorts after this one; `next` of the previous page",
      ),
    }),
    containerList,
    {},
  ),
  "container.wait": method(
    "container.wait",
    "Waits for a process to exit and returns its exit status. Returns immediately if it has exited.",
    processTarget,
    exitStatus,
    {
      NotFound: "no such container or exec process",
      Unavailable: "whether there is such an exec process is not known yet; try again",
      DeadlineExceeded: "the container's shim does not answer, and only it knows the exec process",
    },
  ),
  "container.kill": method(
    "container.kill",
    "Sends a signal to a process, or to every process in the container.",
    processTarget.extend({
      signal,
      all: z.boolean().optional().describe("Send the signal to every process in the container"),
    }),
    done,
    {
      ...asksRuntime,
      NotFound: "no such container or process, or the process has exited",
      FailedPrecondition:
        "the container has no process: it has not been restored yet, or is being restarted",
    },
  ),
  "container.stop": method(
    "container.stop",
    "Stops a container: sends its stop signal, and SIGKILL after the timeout. Returns its exit " +
      "status, immediately if it has exited. The stop continues if the caller disconnects or the " +
      "daemon is restarted.",
    z.strictObject({
      id: containerId,
      ...stopParams,
      shutdown: z.boolean().optional().describe(
        "The machine is going down: the shim exits, too, and a container whose restart " +
          "policy is always or unless-stopped is started again by the next daemon",
      ),
    }),
    exitStatus,
    { ...asksRuntime, FailedPrecondition: "the container has not been restored yet" },
  ),
  "container.pause": method(
    "container.pause",
    "Freezes every process of the container.",
    target,
    done,
    { ...asksRuntime, FailedPrecondition: "the container is not running" },
  ),
  "container.resume": method(
    "container.resume",
    "Resumes a paused container.",
    target,
    done,
    { ...asksRuntime, FailedPrecondition: "the container is not paused" },
  ),
  "container.exec": method(
    "container.exec",
    "Runs another process in a running container.",
    z.strictObject({
      id: containerId,
      execId: execId.optional().describe("Exec process id; generated if not given"),
      process: ociProcess,
      ...stdioParams,
    }),
    execResult,
    {
      ...asksRuntime,
      AlreadyExists: "the execId is taken",
      FailedPrecondition: "the container is not running, or is paused",
      ResourceExhausted:
        `the container has ${MAX_EXECS} exec processes, or a reason common to all methods`,
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
      width: z.int().min(1).max(65535).describe("Width in columns"),
      height: z.int().min(1).max(65535).describe("Height in rows"),
    }),
    done,
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
    done,
    { ...asksShim, NotFound: "no such container or process" },
  ),
  "container.pids": method(
    "container.pids",
    "Lists the processes in the container's cgroup.",
    target,
    processList,
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
  "container.listStats": method(
    "container.listStats",
    "Returns the resource usage of many containers, ordered by id. A large list is returned in pages.",
    z.strictObject({
      ids: ids.optional().describe("Only these containers"),
      limit: pageLimit.optional(),
      after: z.string().max(MAX_NAME).optional().describe(
        "Only containers whose id sorts after this one; `next` of the previous page",
      ),
    }),
    statsList,
    {},
  ),
  "stats.subscribe": method(
    "stats.subscribe",
    "Subscribes this connection to resource usage. Each reading is sent as a stats.tick notification.",
    z.strictObject({
      interval: z.number().min(0.1).max(3600).optional().describe(
        "Seconds between two readings; defaults to 1",
      ),
      ids: ids.optional().describe("Only these containers"),
      labels: labels.optional().describe("Only containers that have all these labels"),
    }),
    statsSubscription,
    {
      ResourceExhausted:
        "the connection has too many subscriptions, or a reason common to all methods",
    },
  ),
  "stats.unsubscribe": method(
    "stats.unsubscribe",
    "Ends a subscription of this connection to resource usage.",
    z.strictObject({
      subscription: z.string().max(MAX_NAME).describe("Subscription id, from stats.subscribe"),
    }),
    done,
    { NotFound: "the connection has no such subscription" },
  ),
  "container.update": method(
    "container.update",
    "Changes the resource limits of a container, or its restart policy. The new limits of a " +
      "stopped container apply from its next start.",
    target.extend({
      resources: jsonObject.optional().describe(
        "OCI linux.resources; members that are not given are not changed",
      ),
      restart: restartPolicy.optional(),
    }),
    done,
    {
      ...asksRuntime,
      FailedPrecondition:
        "the container cannot have a restart policy: it is removed when it has exited",
      InvalidParams:
        "a stopped container could not be started with the limits, or a reason common to all methods",
    },
  ),
  "container.checkpoint": method(
    "container.checkpoint",
    "Writes a checkpoint of a running container to a directory, with CRIU.",
    target.extend({
      path: absolutePath.describe("Directory to write the checkpoint to"),
      exit: z.boolean().optional().describe("Stop the container after the checkpoint"),
    }),
    done,
    {
      ...asksRuntime,
      FailedPrecondition: "the container is not running, or the directory has a checkpoint already",
    },
  ),
  "container.delete": method(
    "container.delete",
    "Deletes a stopped or created container and returns its exit status. With `force` also deletes " +
      "a running container, or one that is being created; that create then fails.",
    target.extend({
      force: z.boolean().optional().describe(
        "Kill the container first if it is running, and the OCI runtime if its create hangs",
      ),
      instance: z.string().max(MAX_NAME).optional().describe(
        "Delete the container only if it is still this instance",
      ),
    }),
    removal,
    {
      ...asksRuntime,
      NotFound: "no such container, or the container is another instance",
      FailedPrecondition:
        "the container is running and `force` is not set, or one of its mounts is busy",
      NetworkError:
        "a CNI plugin failed to remove the container from its network, and `force` is " +
        "not set; the removal is retried in the background",
    },
  ),
  "network.list": method(
    "network.list",
    "Lists the networks that containers can be attached to, and the containers in them.",
    none,
    networkList,
    {},
  ),
  "events.subscribe": method(
    "events.subscribe",
    "Subscribes this connection to events. Each event is sent as an events.event notification.",
    z.strictObject({
      after: z.int().min(0).optional().describe(
        "Send every event after this sequence number; if not given, only new events are sent",
      ),
      ...eventFilter,
    }),
    subscription,
    {
      ResourceExhausted:
        "the connection has too many subscriptions, or a reason common to all methods",
    },
  ),
  "events.read": method(
    "events.read",
    "Returns events from the journal, without a subscription. A long list is returned in pages.",
    z.strictObject({
      after: z.int().min(0).optional().describe(
        "Only events after this sequence number; defaults to 0, before the oldest",
      ),
      limit: pageLimit.optional(),
      ...eventFilter,
    }),
    eventList,
    {},
  ),
  "events.unsubscribe": method(
    "events.unsubscribe",
    "Ends a subscription of this connection.",
    z.strictObject({
      subscription: z.string().max(MAX_NAME).describe("Subscription id, from events.subscribe"),
    }),
    done,
    { NotFound: "the connection has no such subscription" },
  ),
} as const satisfies Contract;

/** Type of the daemon's contract, for typed clients and handlers. */
export type DaemonContract = typeof daemonContract;

/** The notification that carries an event to a subscriber. */
export const eventNotification = {
  name: "events.event",
  summary: "An event, sent to a subscriber.",
  params: z.object({
    subscription: z.string().describe("Subscription id, from events.subscribe"),
    event: event.describe("The event"),
    gap: z.boolean().optional().describe(
      "True if events before this one were lost, because the subscriber was too slow",
    ),
  }),
} as const;

/** The notification that carries a reading of resource usage to a subscriber. */
export const statsNotification = {
  name: "stats.tick",
  summary: "A reading of the resource usage of containers, sent to a subscriber.",
  params: z.object({
    subscription: z.string().describe("Subscription id, from stats.subscribe"),
    timestamp: time("Time of the reading"),
    containers: z.array(statsSample).describe(
      "Resource usage of each container that has a cgroup, ordered by id",
    ),
    more: z.boolean().optional().describe(
      "True if another notification has the rest of this reading",
    ),
  }),
} as const;

/** Every notification that the daemon sends. */
export const daemonNotifications = [eventNotification, statsNotification] as const;

/** Every notification that the daemon sends, with the type of its params. */
export interface DaemonNotifications {
  /** {@linkcode eventNotification} */
  readonly "events.event": z.output<typeof eventNotification.params>;
  /** {@linkcode statsNotification} */
  readonly "stats.tick": z.output<typeof statsNotification.params>;
}
