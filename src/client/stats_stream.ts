// SPDX-License-Identifier: MIT
import { deferred } from "../rpc/peer/deferred.ts";
import { isRecord } from "../rpc/is_record.ts";
import { UnavailableError } from "../rpc/errors.ts";
import type { StatsNotification, StatsSample } from "./daemon_types.ts";
import { untilAborted } from "../until_aborted.ts";
import { dialDaemon } from "./link.ts";
import { RetryPause } from "./retry_pause.ts";

/** Options of `Client.watchStats`. */
export interface WatchStatsOptions {
  /** Time between two readings, milliseconds. Default: a second. */
  readonly intervalMs?: number;
  /** Only these containers. */
  readonly ids?: readonly string[];
  /** Only containers that have all these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Ends the stream, whose reader then gets the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A reading of the resource usage of many containers. */
export interface StatsReading {
  /** When it was taken, RFC 3339. */
  readonly timestamp: string;
  /** Each container that has a cgroup, ordered by id. */
  readonly containers: readonly StatsSample[];
}

/**
 * Yields readings over a connection of its own, which is made anew when it is lost. A reader that does
 * not keep up gets the latest reading next, and not those in between.
 */
export async function* watchStats(
  socket: string,
  { intervalMs = 1000, ids, labels, signal }: WatchStatsOptions,
): AsyncGenerator<StatsReading, void> {
  const params = { interval: intervalMs / 1000, ids, labels };
  const pause = new RetryPause();
  for (let first = true;; first = false) {
    try {
      for await (const reading of readings(socket, params, signal)) {
        pause.reset();
        first = false;
        yield reading;
      }
    } catch (error) {
      if (signal?.aborted || first || !(error instanceof UnavailableError)) throw error;
    }
    await pause.wait(signal);
    signal?.throwIfAborted();
  }
}

/** The readings of one connection, until that is lost. */
async function* readings(
  socket: string,
  params: Readonly<Record<string, unknown>>,
  signal: AbortSignal | undefined,
): AsyncGenerator<StatsReading, void> {
  const peer = await dialDaemon(socket, signal);
  try {
    let latest: StatsReading | undefined;
    let part: StatsSample[] = [];
    let wake = deferred<void>();
    peer.onNotification("stats.tick", (tick) => {
      if (!isStatsNotification(tick)) return;
      part.push(...tick.containers);
      if (tick.more) return;
      latest = { timestamp: tick.timestamp, containers: part };
      part = [];
      wake.resolve();
    });
    let lost = false;
    peer.closed.then(() => {
      lost = true;
      wake.resolve();
    });
    await peer.call("stats.subscribe", params, { signal });
    for (;;) {
      await untilAborted(wake.promise, signal);
      wake = deferred<void>();
      const reading = latest;
      latest = undefined;
      if (reading !== undefined) yield reading;
      if (lost) return;
    }
  } finally {
    peer.close();
  }
}

function isStatsNotification(params: unknown): params is StatsNotification {
  return isRecord(params) && Array.isArray(params.containers) &&
    typeof params.timestamp === "string";
}
