// SPDX-License-Identifier: MIT
// The results of the daemon's methods.
import * as z from "zod";
import {
  cgroupProcess,
  containerState,
  containerStatus,
  event,
  jsonObject,
  time,
} from "./schemas.ts";
import { stats } from "./stats_schema.ts";

/** An OCI runtime and its version. */
export const runtimeInfo = z.object({
  path: z.string().describe("Runtime as configured: a name in PATH, or a path"),
  version: z.string().describe("Version that the runtime reports"),
}).describe("An OCI runtime and its version");

/** Defaults of containers, which a create may change. */
const containerDefaults = z.object({
  seccomp: z.string().describe("Seccomp profile: default, unconfined, or a path"),
  apparmor: z.string().optional().describe("AppArmor profile; absent if AppArmor is off"),
  usernsRemap: z.string().optional().describe(
    "User whose subordinate ids the container's user namespace has",
  ),
  openFiles: z.int().optional().describe("Limit of open files, RLIMIT_NOFILE, soft and hard"),
}).describe("Defaults of containers");

/** Result of `daemon.info`. */
export const daemonInfo = z.object({
  name: z.literal("berth").describe("Name of the program; always berth"),
  version: z.string().describe("Version of the daemon"),
  protocol: z.int().describe("Version of the protocol between the daemon and its shims"),
  pid: z.int().describe("Pid of the daemon"),
  instance: z.string().describe("Unique id of this start of the daemon"),
  state: z.string().describe("State directory"),
  root: z.string().describe("Directory of the data that is kept across reboots"),
  runtime: runtimeInfo.describe("Default OCI runtime"),
  defaults: containerDefaults.describe(
    "Settings that `berth run` gives a container unless options say otherwise",
  ),
  startedAt: time("Time of the start of the daemon"),
  containers: z.int().describe("Number of containers"),
}).describe("Version, configuration and start time of a daemon");

/** Result of `container.create`. */
export const createResult = z.object({
  id: z.string().describe("Container id"),
  pid: z.int().describe(
    "Pid of the init process; 0 if the container is restored from a checkpoint",
  ),
  bundle: z.string().describe("Bundle directory"),
}).describe("A created container");

/** Result of `container.start`. */
export const startResult = z.object({
  pid: z.int().describe("Pid of the init process"),
}).describe("A started container");

/** Result of `container.exec`. */
export const execResult = z.object({
  execId: z.string().describe("Exec process id, as given or generated"),
  pid: z.int().describe("Pid in the host's pid namespace"),
}).describe("A started exec process");

/** Result of `container.list`: a page of containers. */
export const containerList = z.object({
  containers: z.array(containerState).describe("Containers, ordered by id"),
  next: z.string().optional().describe(
    "Value of `after` for the next page; absent on the last page",
  ),
}).describe("A page of containers");

/** Result of `container.pids`. */
export const processList = z.object({
  processes: z.array(cgroupProcess).describe("Processes in the cgroup of the container"),
}).describe("Processes of a container");

/** Resource usage of one container in a list. */
export const containerStats = z.object({
  id: z.string().describe("Container id"),
  instance: z.string().describe("Instance of the container, as in its state"),
  stats,
}).describe("Resource usage of one container in a list");

/** Result of `container.listStats`: a page of resource usage. */
export const statsList = z.object({
  containers: z.array(containerStats).describe(
    "Resource usage of each container that has a cgroup, ordered by id",
  ),
  next: z.string().optional().describe(
    "Value of `after` for the next page; absent on the last page",
  ),
}).describe("A page of resource usage");

/** Resource usage of one container in a reading of many. */
export const statsSample = containerStats.extend({
  status: containerStatus,
  cpuPercent: z.number().optional().describe(
    "CPU usage since the previous reading, in percent of one CPU; absent in the first " +
      "reading of a container",
  ),
}).describe("Resource usage of one container in a reading of many");

/** Result of `stats.subscribe`. */
export const statsSubscription = z.object({
  subscription: z.string().describe("Subscription id, used in notifications and to unsubscribe"),
}).describe("A subscription to resource usage");

/** Result of `spec.default`. */
export const defaultSpecResult = z.object({
  spec: jsonObject.describe("OCI runtime spec"),
}).describe("An OCI runtime spec as `berth run` makes it");

/** The range of events in the journal, which shows whether a reader has missed any. */
const journalRange = {
  oldest: z.int().describe("Sequence number of the oldest event that is kept; 0 if there is none"),
  latest: z.int().describe("Sequence number of the newest event; 0 if there is none"),
  gap: z.boolean().describe(
    "True if events after `after` are no longer kept, or if `after` is greater than " +
      "`latest`; reading then begins with the oldest event",
  ),
};

/** Result of `events.subscribe`. */
export const subscription = z.object({
  subscription: z.string().describe("Subscription id, used in notifications and to unsubscribe"),
  ...journalRange,
}).describe("A subscription to events");

/** Result of `events.read`: a page of events. */
export const eventList = z.object({
  events: z.array(event).describe("Events in the order of their sequence numbers"),
  next: z.int().describe(
    "Value of `after` for the next page; all events up to this one have been read",
  ),
  ...journalRange,
}).describe("A page of events");
