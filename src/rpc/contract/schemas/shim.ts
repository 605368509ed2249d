// SPDX-License-Identifier: MIT
// The schemas of what a shim reports to the daemon: its state, its events, its calls of the OCI runtime.
import * as z from "zod";
import { containerStatus } from "./container.ts";
import { eventType } from "./event.ts";
import { execState, exitMembers } from "./process.ts";
import { time } from "./text.ts";

/** An event as the shim keeps it until it is acknowledged. The shim numbers the events itself. */
export const shimEvent = z.object({
  seq: z.int().describe("Sequence number of the shim; increases by one per event of the bundle"),
  timestamp: time("Time of the event"),
  type: eventType.describe("Type of the event"),
  pid: z.int().describe("Pid of the process that the event is about"),
  execId: z.string().optional().describe(
    "Exec process that the event is about; absent for the init process",
  ),
  ...exitMembers,
  path: z.string().optional().describe("Checkpoint directory; only for checkpointed events"),
});

/** An event as the shim keeps it. */
export type ShimEvent = z.output<typeof shimEvent>;

/** State of a container in its shim. */
export const shimState = z.object({
  status: z.enum(["none", "creating", ...containerStatus.options, "deleted"]).describe(
    "Status of the container. none: not created yet; creating: the create is in progress; deleted: the shim may exit",
  ),
  pid: z.int().describe("Pid of the init process; 0 if there is none yet"),
  startedAt: time("Time of the start").optional(),
  ...exitMembers,
  processes: z.array(execState).describe("Exec processes that have not been deleted"),
});

/** State of a container in its shim. */
export type ShimState = z.output<typeof shimState>;

/** A call of the OCI runtime, as a shim reports it when the call has ended. */
export const runtimeCall = z.object({
  subcommand: z.string().describe("Subcommand of the runtime, such as create"),
  id: z.string().describe("Container id"),
  durationMs: z.number().describe("Duration of the call, in milliseconds"),
  exitCode: z.int().describe(
    "Exit code, or 128 + signal number; -1 if the runtime could not be started or did not exit",
  ),
  warnings: z.array(z.string()).optional().describe(
    "Messages that the runtime logged at level warning",
  ),
});

/** A call of the OCI runtime, as a shim reports it. */
export type RuntimeCall = z.output<typeof runtimeCall>;
