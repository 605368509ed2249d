// SPDX-License-Identifier: MIT
import * as z from "zod";
import { EVENT_TYPES } from "../event_types.ts";
import { networkState } from "./network.ts";
import { exitMembers } from "./process.ts";
import { restartDetails } from "./restart.ts";
import { labels, time } from "./text.ts";

/** Type of an event. */
export const eventType = z.enum(EVENT_TYPES).describe("Type of an event");

/** Details of an `oom` event. */
export const oomDetails = z.object({
  cgroup: z.string().describe("Cgroup that reached its memory limit"),
  limit: z.int().optional().describe("Memory limit of the cgroup, in bytes"),
  usage: z.int().optional().describe(
    "Peak memory usage of the cgroup, in bytes; absent if the kernel does not keep it",
  ),
  kills: z.int().describe("Number of OOM kills in the container so far"),
}).describe("Details of an oom event");

/** An event in the life of a container. */
export const event = z.object({
  seq: z.int().describe("Sequence number; increases by one per event, also across daemon restarts"),
  timestamp: time("Time of the event"),
  runtime: z.literal("linux").describe("Kind of runtime; always linux"),
  type: eventType,
  id: z.string().describe("Container id"),
  instance: z.string().describe("Instance of the container, as in its state"),
  labels: labels.optional().describe(
    "Labels of the container, as given to create; absent if it has none",
  ),
  pid: z.int().describe("Pid of the process that the event is about"),
  execId: z.string().optional().describe(
    "Exec process that the event is about; absent for the init process",
  ),
  ...exitMembers,
  synthetic: z.boolean().optional().describe(
    "True if the daemon published this exit because the shim was gone",
  ),
  oom: oomDetails.optional().describe("Details; only for oom events"),
  path: z.string().optional().describe("Checkpoint directory; only for checkpointed events"),
  network: networkState.optional().describe("Network of the container; only for create events"),
  replaces: z.string().optional().describe(
    "Instance that this one replaces; only for create events of a restart",
  ),
  newId: z.string().optional().describe(
    "New id of the container, whose former id is `id`; only for renamed events",
  ),
  restart: restartDetails.optional().describe("Only for restarting events"),
  error: z.string().optional().describe(
    "Why the container could not be started; only for restart-failed events",
  ),
}).describe("An event in the life of a container");

/** An event in the life of a container. */
export type Event = z.output<typeof event>;

/** Type of an event. */
export type EventType = z.output<typeof eventType>;
