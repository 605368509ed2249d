// SPDX-License-Identifier: MIT
import { z } from "zod";
import { EVENT_TYPES } from "../event_types.ts";
import { networkState } from "../network/schemas.ts";
import { exitStatusUnknown } from "./process.ts";
import { restartDetails } from "./restart.ts";
import { labels, time } from "./text.ts";

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
  newId: z.string().optional().meta({
    description: "Id that the container has from now on, where `id` is the one it had; only for " +
      "renamed events",
  }),
  restart: restartDetails.optional().meta({ description: "Only for restarting events" }),
  error: z.string().optional().meta({
    description: "Why the container could not be started; only for restart-failed events",
  }),
}).meta({ description: "An event in the life of a container" });

/** An event in the life of a container. */
export type Event = z.output<typeof event>;

/** Type of an event. */
export type EventType = z.output<typeof eventType>;
