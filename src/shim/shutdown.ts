// SPDX-License-Identifier: MIT
// What a shim does when the machine goes down and no daemon has stopped its containers before.
import { thaw } from "../linux/cgroup/cgroup.ts";
import { readText } from "../linux/cgroup/files.ts";
import { after, MAX_TIMER_MS } from "../linux/event_loop/timer.ts";
import { SIGKILL } from "../linux/process/signals.ts";
import { DEFAULT_STOP_TIMEOUT } from "../oci/bundle_layout.ts";
import { NotFoundError } from "../rpc/errors.ts";
import type { ShimService } from "./service.ts";

/**
 * Returns whether systemd has stopped its units and now ends every process that is left: by SIGTERM, and
 * after its `DefaultTimeoutStopSec=`, 90 seconds, by SIGKILL.
 */
export function isMachineGoingDown(): boolean {
  // The name of systemd-shutdown(8), as far as the kernel keeps it (proc_pid_comm(5)).
  return readText("/proc/1/comm")?.startsWith("systemd-shutdow") ?? false;
}

/**
 * Stops a container, to whose processes systemd has sent SIGTERM, by its own signal and time. Resolves
 * once it has ended and its output is written. One whose time never ends is left to systemd.
 */
export async function stopAtShutdown(service: ShimService): Promise<void> {
  const { processes, record } = service;
  const { id, stopSignal, stopTimeout = DEFAULT_STOP_TIMEOUT } = record;
  const { pid, status } = service.state();
  if (pid === 0) return;
  const report = (error: unknown) => {
    if (!(error instanceof NotFoundError)) console.error(`cannot stop ${id}:`, error);
  };
  if (stopSignal !== undefined) await processes.kill({ signal: stopSignal }).catch(report);
  try {
    const frozen = status === "paused" ? service.cgroup() : undefined;
    if (frozen !== undefined) thaw(frozen);
  } catch (error) {
    report(error);
  }
  // Before its start it takes no other signal than SIGKILL.
  const seconds = status === "created" ? 0 : stopTimeout < 0 ? Infinity : stopTimeout;
  const kill = () => void processes.kill({ signal: SIGKILL }).catch(report);
  using _grace = after(Math.min(seconds * 1000, MAX_TIMER_MS), kill);
  await processes.wait({});
  await processes.waitForOutput({});
}
