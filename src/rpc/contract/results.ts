// SPDX-License-Identifier: MIT
import { z } from "zod";
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
  path: z.string().meta({ description: "Runtime as configured: a name in PATH, or a path" }),
  version: z.string().meta({ description: "Version that the runtime reports" }),
}).meta({ description: "An OCI runtime and its version" });

/** What a container gets that asks for nothing else. */
const containerDefaults = z.object({
  seccomp: z.string().meta({
    description: "Seccomp profile: default, unconfined, or the path of one",
  }),
  apparmor: z.string().optional().meta({
    description: "AppArmor profile, where AppArmor is on",
  }),
  usernsRemap: z.string().optional().meta({
    description: "User whose subordinate ids are those of the container's user namespace",
  }),
  openFiles: z.int().optional().meta({
    description: "Limit of open files, RLIMIT_NOFILE, soft and hard",
  }),
}).meta({ description: "Defaults of containers" });

/** Result of `daemon.info`. */
export const daemonInfo = z.object({
  name: z.literal("berth").meta({ description: "Name of the program; always berth" }),
  version: z.string().meta({ description: "Version of the daemon" }),
  protocol: z.int().meta({
    description: "Version of the protocol between the daemon and its shims",
  }),
  pid: z.int().meta({ description: "Pid of the daemon" }),
  instance: z.string().meta({ description: "Unique id of this start of the daemon" }),
  state: z.string().meta({ description: "State directory" }),
  root: z.string().meta({ description: "Directory of the data that is kept across reboots" }),
  runtime: runtimeInfo.meta({ description: "Default OCI runtime" }),
  defaults: containerDefaults.meta({
    description: "What `berth run` gives a container that asks for nothing else",
  }),
  startedAt: time("Time of the start of the daemon"),
  containers: z.int().meta({ description: "Number of containers" }),
}).meta({ description: "Version, configuration and start time of a daemon" });

/** Result of `container.create`. */
export const createResult = z.object({
  id: z.string().meta({ description: "Container id" }),
  pid: z.int().meta({
    description: "Pid of the init process; 0 if the container is restored from a checkpoint",
  }),
  bundle: z.string().meta({ description: "Bundle directory" }),
}).meta({ description: "A created container" });

/** Result of `container.start`. */
export const startResult = z.object({
  pid: z.int().meta({ description: "Pid of the init process" }),
}).meta({ description: "A started container" });

/** Result of `container.exec`. */
export const execResult = z.object({
  execId: z.string().meta({ description: "Exec process id, as given or generated" }),
  pid: z.int().meta({ description: "Pid in the host's pid namespace" }),
}).meta({ description: "A started exec process" });

/** Result of `container.list`: a page of containers. */
export const containerList = z.object({
  containers: z.array(containerState).meta({ description: "Containers, ordered by id" }),
  next: z.string().optional().meta({
    description: "Value of `after` for the next page; absent on the last page",
  }),
}).meta({ description: "A page of containers" });

/** Result of `container.pids`. */
export const processList = z.object({
  processes: z.array(cgroupProcess).meta({
    description: "Processes in the cgroup of the container",
  }),
}).meta({ description: "Processes of a container" });

/** Resource usage of one container in a list. */
export const containerStats = z.object({
  id: z.string().meta({ description: "Container id" }),
  instance: z.string().meta({ description: "Instance of the container, as in its state" }),
  stats,
}).meta({ description: "Resource usage of one container in a list" });

/** Result of `container.listStats`: a page of resource usage. */
export const statsList = z.object({
  containers: z.array(containerStats).meta({
    description: "Resource usage of each container that has a cgroup, ordered by id",
  }),
  next: z.string().optional().meta({
    description: "Value of `after` for the next page; absent on the last page",
  }),
}).meta({ description: "A page of resource usage" });

/** Resource usage of one container in a reading of many. */
export const statsSample = containerStats.extend({
  status: containerStatus,
  cpuPercent: z.number().optional().meta({
    description: "CPU usage since the reading before, in percent of one CPU; absent in the first " +
      "reading of a container",
  }),
}).meta({ description: "Resource usage of one container in a reading of many" });

/** Result of `stats.subscribe`. */
export const statsSubscription = z.object({
  subscription: z.string().meta({
    description: "Subscription id, used in notifications and to unsubscribe",
  }),
}).meta({ description: "A subscription to resource usage" });

/** Result of `spec.default`. */
export const defaultSpecResult = z.object({
  spec: jsonObject.meta({ description: "OCI runtime spec" }),
}).meta({ description: "An OCI runtime spec as `berth run` makes it" });

/** Sequence numbers that the journal has, which say whether a reader has missed events. */
const journalRange = {
  oldest: z.int().meta({
    description: "Sequence number of the oldest event that is kept; 0 if there is none",
  }),
  latest: z.int().meta({ description: "Sequence number of the newest event; 0 if there is none" }),
  gap: z.boolean().meta({
    description: "True if events after `after` are no longer kept, or if `after` is greater than " +
      "`latest`; reading then begins with the oldest event",
  }),
};

/** Result of `events.subscribe`. */
export const subscription = z.object({
  subscription: z.string().meta({
    description: "Subscription id, used in notifications and to unsubscribe",
  }),
  ...journalRange,
}).meta({ description: "A subscription to events" });

/** Result of `events.read`: a page of events. */
export const eventList = z.object({
  events: z.array(event).meta({ description: "Events in the order of their sequence numbers" }),
  next: z.int().meta({
    description: "Value of `after` for the next page; all events up to this one have been read",
  }),
  ...journalRange,
}).meta({ description: "A page of events" });
