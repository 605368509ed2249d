// SPDX-License-Identifier: MIT
// Processes and their exits on the wire.
import * as z from "zod";
import { MAX_ARG_LENGTH, MAX_ARGS, MAX_TEXT } from "../limits.ts";
import { time } from "./text.ts";

/**
 * The OCI process of an exec. Members that are not given are taken from the container's spec. The
 * OCI schema checks the other members when the call is handled.
 */
export const ociProcess = z.looseObject({
  args: z.array(z.string().max(MAX_ARG_LENGTH)).min(1).max(MAX_ARGS).describe(
    "Program to run and its arguments",
  ),
  env: z.array(z.string().max(MAX_ARG_LENGTH)).max(MAX_ARGS).nullable().optional().describe(
    "Environment, each entry as NAME=value; NAME alone removes the container's variable",
  ),
  cwd: z.string().max(MAX_TEXT).nullable().optional().describe("Working directory"),
}).describe(
  "OCI process of an exec. Members that are not given are taken from the container's spec",
);

/** Status of an exec process. */
export const execStatus = z.enum(["created", "running", "stopped"]).describe(
  "Status of an exec process",
);

/** Whether an exit status is a guess. */
export const exitStatusUnknown = z.boolean().optional().describe(
  "True if the exit status could not be observed; exitStatus is then 137",
);

/** How a process exited, where it may not have yet. */
export const exitMembers = {
  exitStatus: z.int().optional().describe("Exit code, or 128 + signal number"),
  exitedAt: time("Time of the exit").optional(),
  exitStatusUnknown,
};

/** How a process exited. */
export const exitStatus = z.object({
  exitStatus: z.int().describe("Exit code, or 128 + signal number"),
  exitedAt: time("Time of the exit"),
  exitStatusUnknown,
}).describe("How a process exited");

/** Result of a delete: how the deleted process exited. */
export const deleteResult = exitStatus.extend({
  pid: z.int().describe("Pid of the deleted process"),
}).describe("Result of a delete: how the deleted process exited");

/** Result of a container's removal. */
export const removal = deleteResult.extend({
  networkLeft: z.string().optional().describe(
    "Why the container's network could not be removed. The daemon retries; until it succeeds, the " +
      "network's addresses and ports stay taken",
  ),
}).describe(
  "Result of a container's removal: how its process exited, and what could not be removed",
);

/** State of an exec process. */
export const execState = z.object({
  execId: z.string().describe("Exec process id"),
  pid: z.int().describe("Pid in the host's pid namespace"),
  status: execStatus,
  exitStatus: z.int().optional().describe(
    "Exit code, or 128 + signal number; set once the process has exited",
  ),
  exitedAt: time("Time of the exit").optional(),
  exitStatusUnknown,
}).describe("State of an exec process");

/** A process in the cgroup of a container. */
export const cgroupProcess = z.object({
  pid: z.int().describe("Pid in the host's pid namespace"),
  execId: z.string().optional().describe("Exec process id; set for the first process of an exec"),
}).describe("A process in the cgroup of a container");

/** State of an exec process. */
export type ExecState = z.output<typeof execState>;

/** Status of an exec process. */
export type ExecStatus = z.output<typeof execStatus>;

/** Result of a delete: how the deleted process exited. */
export type DeleteResult = z.output<typeof deleteResult>;

/** Result of a container's removal. */
export type Removal = z.output<typeof removal>;

/** OCI process of an exec. */
export type OciProcess = z.output<typeof ociProcess>;
