// SPDX-License-Identifier: MIT
import type { FdReserve } from "../../linux/fd/fd_reserve.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import type { OomLog } from "../../linux/oom/oom_log.ts";
import type { Reaper } from "../../linux/process/reaper.ts";
import type { QueuedEvent } from "../events/forwarder.ts";
import type { LogLevel } from "../log.ts";

/** The parts of a shim that its containers share. */
export interface TaskContext {
  readonly namespace: string;
  /** Path of the shim's socket. */
  readonly socket: string;
  readonly reaper: Reaper;
  readonly poller: Poller;
  readonly reserve: FdReserve;
  /** Returns the OOM kills that the kernel logs from the first call on; undefined where it cannot be read. */
  readonly oomLog: () => OomLog | undefined;
  readonly log: (level: LogLevel, message: string, fields?: Record<string, string>) => void;
  /** Queues an event for containerd. */
  readonly publish: (event: QueuedEvent) => void;
  /** Returns whether containerd has not taken an event yet. */
  readonly isQueued: (event: QueuedEvent) => boolean;
}
