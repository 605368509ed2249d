// SPDX-License-Identifier: MIT
// Stops one container: signal, grace, SIGKILL.
import { failpoint } from "../../../failpoint.ts";
import { SIGKILL, SIGTERM } from "../../../linux/process/signals.ts";
import { type BundleRecord, DEFAULT_STOP_TIMEOUT } from "../../../oci/bundle_layout.ts";
import { tryReadJson } from "../../../oci/json_file.ts";
import { stopSignalIn } from "../../../oci/spec/facts.ts";
import type { DaemonContract } from "../../../rpc/contract/daemon.ts";
import type { ParsedParamsOf } from "../../../rpc/contract/method.ts";
import { NotFoundError } from "../../../rpc/errors.ts";
import { signalNumber } from "../../../rpc/signal_param.ts";
import type { ManagedContainer } from "../../container/managed_container.ts";
import { backoff } from "../../../linux/event_loop/backoff.ts";
import { logFailuresOnce } from "../../util/log_failure.ts";
import { readStop, recordStop } from "./stop_record.ts";

/**
 * Seconds at a shutdown for a container whose own time never ends: the machine waits for it. The systemd
 * unit gives 120 to all of them.
 */
const SHUTDOWN_TIMEOUT = 100;

/** How a container is stopped. With `shutdown` its own time is not below 0. */
export type ContainerStopOptions = Omit<ParsedParamsOf<DaemonContract, "container.stop">, "id">;

/**
 * Checks the signal of a stop before anything is changed.
 *
 * @throws {InvalidParamsError}
 */
export function checkSignal({ signal }: ContainerStopOptions): void {
  if (signal !== undefined) signalNumber(signal);
}

/**
 * Stops a container: sends the stop signal and returns; SIGKILL follows when the time is over, also over
 * a restart of the daemon. A container that has ended already is no error; one that has not been
 * started is killed at once, since its process takes no signals yet.
 *
 * @throws {BerthError} if the shim fails to send the first signal.
 */
export async function stopContainer(
  container: ManagedContainer,
  { signal, timeout, shutdown }: ContainerStopOptions,
  stopping: AbortSignal,
): Promise<void> {
  if (container.processes.exit !== undefined) return;
  const { record, paths: { dir } } = container.bundle;
  const created = container.status === "created";
  const seconds = created ? 0 : timeout ?? ownTimeout(record, shutdown);
  failpoint("stop.begin");
  // First: a daemon that dies behind the signal leaves a stop that is finished.
  const withdraw = seconds >= 0 ? recordStop(dir, seconds) : () => {};
  failpoint("stop.record");
  const due = performance.now() + seconds * 1000;
  try {
    if (seconds !== 0) {
      const number = signal === undefined ? stopSignalOf(container) : signalNumber(signal);
      await askToEnd(container, number);
    }
  } catch (error) {
    withdraw();
    throw error;
  }
  failpoint("stop.signal");
  if (seconds >= 0) killLater(container, due - performance.now(), stopping);
}

/** Returns the seconds that a container is given where the caller names none; see {@linkcode stopContainer}. */
export function ownTimeout(
  { stopTimeout = DEFAULT_STOP_TIMEOUT }: Pick<BundleRecord, "stopTimeout">,
  shutdown = false,
): number {
  return shutdown && stopTimeout < 0 ? SHUTDOWN_TIMEOUT : stopTimeout;
}

/** Finishes the stop that an earlier daemon has begun, if there is one. */
export function resumeStop(container: ManagedContainer, stopping: AbortSignal): void {
  const record = readStop(container.bundle.paths.dir);
  if (record === undefined) return;
  const { killAt, timeout = Infinity } = record;
  // At most the given time: the clock may have been set back since.
  const grace = Math.min(Date.parse(killAt) - Date.now(), timeout * 1000);
  killLater(container, grace, stopping);
}

async function askToEnd(container: ManagedContainer, signal: number): Promise<void> {
  try {
    await container.kill({ signal });
    // A frozen process takes the signal when it runs again.
    if (container.status === "paused") await container.call("shim.resume", {});
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof NotFoundError)) throw error;
  }
}

/**
 * Waits in the background, `ms` milliseconds, then kills until the container has ended or is being
 * removed.
 */
async function killLater(
  container: ManagedContainer,
  ms: number,
  stopping: AbortSignal,
): Promise<void> {
  const ended = new AbortController();
  const over = AbortSignal.any([ended.signal, stopping]);
  container.wait(undefined, over).then(() => ended.abort(), () => ended.abort());
  const [grace] = backoff({ first: Math.max(0, ms), most: Infinity });
  await grace?.(over);
  const log = logFailuresOnce();
  for (const delay of backoff({ first: 100, most: 5_000 })) {
    if (over.aborted || container.life.isEnding) return;
    try {
      await container.kill({ signal: SIGKILL });
    } catch (error) {
      if (error instanceof NotFoundError) return;
      log("warn", "container", "{id}: cannot kill it to stop it: {reason}", error, {
        id: container.id,
      });
    }
    await delay(over);
  }
}

/** Returns the stop signal that the container's spec names; SIGTERM if it names none. */
export function stopSignalOf(container: ManagedContainer): number {
  const spec = tryReadJson<Record<string, unknown>>(container.bundle.paths.config);
  const given = spec === undefined ? undefined : stopSignalIn(spec);
  if (given === undefined) return SIGTERM;
  return signalNumber(/^\d+$/.test(given) ? Number(given) : given);
}
