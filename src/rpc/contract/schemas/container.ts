// SPDX-License-Identifier: MIT
// The state of a container on the wire.
import * as z from "zod";
import { MAX_MOUNT_OPTIONS, MAX_TEXT } from "../limits.ts";
import { networkState } from "./network.ts";
import { logState } from "./log.ts";
import { execState, exitStatus, exitStatusUnknown } from "./process.ts";
import { restartState } from "./restart.ts";
import { kernelText, labels, time } from "./text.ts";

/** One of the mounts that make up the rootfs. */
export const rootfsMount = z.strictObject({
  type: kernelText(MAX_TEXT).describe("Filesystem type, or bind for a bind mount"),
  source: kernelText(MAX_TEXT).describe("Device, directory or name to mount, as in mount(8)"),
  target: kernelText(MAX_TEXT).optional().describe(
    "Mount point relative to the rootfs; defaults to the rootfs itself",
  ),
  options: z.array(kernelText(MAX_TEXT)).max(MAX_MOUNT_OPTIONS).optional().describe(
    "Mount options, as for mount(8) -o; uidmap=FILE:HOST:SIZE and gidmap=… map ids",
  ),
}).describe("One of the mounts that make up the rootfs");

/** Status of a container. */
export const containerStatus = z.enum(["created", "running", "paused", "stopped"]).describe(
  "Status of a container",
);

/** State of the daemon's connection to the container's shim. */
export const shimStatus = z.enum(["connected", "connecting", "unavailable", "gone", "none"])
  .describe(
    "Connection to a shim. unavailable: the shim does not answer; gone: the shim died " +
      "and the container is being cleaned up; none: the daemon runs without shims (no_shim), or the " +
      "container is stopped and needs none",
  );

/** Full state of a container. */
export const containerState = z.object({
  id: z.string().describe("Container id"),
  instance: z.string().describe(
    "Unique id of this creation; differs when an id is reused, and after each restart",
  ),
  status: containerStatus,
  pid: z.int().describe("Pid of the init process; 0 until a restored container is started"),
  bundle: z.string().describe(
    "Bundle directory; of a container that has no shim, the directory of its definition",
  ),
  runtime: z.string().describe("OCI runtime, as given to create or configured"),
  terminal: z.boolean().describe("Whether the init process has a pseudo-terminal"),
  stdin: z.string().describe("As given to create"),
  stdout: z.string().describe("As given to create"),
  stderr: z.string().describe("As given to create"),
  log: logState.optional().describe("Log of the output; absent if the output is not logged"),
  labels: labels.describe("As given to create"),
  createdAt: time("Time of the creation"),
  startedAt: time("Time of the start").optional(),
  exitStatus: z.int().optional().describe(
    "Exit code, or 128 + signal number; set once the init process has exited",
  ),
  exitedAt: time("Time of the exit").optional(),
  exitStatusUnknown,
  stopSignal: z.string().optional().describe(
    "Stop signal, as the spec names it; absent for SIGTERM",
  ),
  stopTimeout: z.number().optional().describe(
    "Seconds between the stop signal and SIGKILL, as given to create; -1 is forever",
  ),
  restart: restartState.optional().describe(
    "When the daemon starts the container again; absent for never",
  ),
  restartCount: z.int().optional().describe(
    "Number of restarts by the daemon since the container was last started by a call",
  ),
  restartingAt: time("Time at which the daemon will start the container again").optional(),
  error: z.string().optional().describe(
    "Why the last attempt to start the container again failed; absent after one that succeeded",
  ),
  lastExit: exitStatus.optional().describe(
    "How the previous run of the container ended; set if it was started again",
  ),
  autoRemove: z.boolean().optional().describe(
    "True if the daemon removes the container when it has exited",
  ),
  oomKilled: z.boolean().optional().describe(
    "True if the OOM killer has killed a process of the container",
  ),
  group: z.string().optional().describe("Shim group: containers of one group share a shim process"),
  network: networkState.optional().describe(
    "Network that CNI plugins have made for the container; absent if there is none",
  ),
  shimPid: z.int().describe("Pid of the shim; the daemon's own pid with no_shim"),
  shim: shimStatus,
  processes: z.array(execState).describe("Exec processes that have not been deleted"),
}).describe("Full state of a container");

/** Full state of a container; the result of `container.state`. */
export type ContainerState = z.output<typeof containerState>;

/** Status of a container. */
export type ContainerStatus = z.output<typeof containerStatus>;

/** One of the mounts that make up the rootfs. */
export type RootfsMount = z.output<typeof rootfsMount>;

/** State of the daemon's connection to the container's shim. */
export type ShimStatus = z.output<typeof shimStatus>;
