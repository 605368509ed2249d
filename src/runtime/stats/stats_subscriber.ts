// SPDX-License-Identifier: MIT
import type { DaemonContract, DaemonNotifications } from "../../rpc/contract/daemon.ts";
import type { ParsedParamsOf } from "../../rpc/contract/method.ts";
import { MAX_PAGE_TEXT } from "../../rpc/contract/limits.ts";
import type { Stats } from "../../rpc/contract/stats_schema.ts";
import { cpuPercent } from "../../rpc/cpu_percent.ts";
import { type Listed, statsOf } from "../container_list.ts";
import type { SubscriberPeer } from "../events/event_subscriber.ts";
import { hasLabels } from "../labels.ts";
import { logFailure } from "../util/log_failure.ts";

/** The params of `stats.subscribe`: the containers to read, and how often. */
export type StatsFilter = ParsedParamsOf<DaemonContract, "stats.subscribe">;

/** One container in a reading. */
type ContainerSample = DaemonNotifications["stats.tick"]["containers"][number];

/** A reading is left out while more than this is queued for the subscriber, in bytes. */
const QUEUE_HIGH = 256 * 1024;

/** Between two readings there is at least so much time for each part of it that one takes. */
const REST = 4;

/** Sends the resource usage of containers to one subscriber, at an interval. */
export class StatsSubscriber implements Disposable {
  readonly id: string;
  readonly #peer: SubscriberPeer;
  readonly #containers: Iterable<Listed>;
  readonly #ids: ReadonlySet<string> | undefined;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #intervalMs: number;
  #last: ReadonlyMap<string, Stats> = new Map();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Takes the first reading in a later turn of the event loop, so that the answer goes out first. */
  constructor(
    id: string,
    peer: SubscriberPeer,
    containers: Iterable<Listed>,
    { interval = 1, ids, labels = {} }: StatsFilter,
  ) {
    this.id = id;
    this.#peer = peer;
    this.#containers = containers;
    this.#ids = ids && new Set(ids);
    this.#labels = labels;
    this.#intervalMs = interval * 1000;
    this.#timer = setTimeout(() => this.#tick());
  }

  /** Sends nothing more. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #tick(): void {
    const begun = performance.now();
    try {
      if (this.#peer.queuedBytes <= QUEUE_HIGH) this.#send(this.#read());
    } catch (error) {
      logFailure("error", "stats", "a reading for {id} failed: {reason}", error, { id: this.id });
    }
    const took = performance.now() - begun;
    const delay = Math.max(this.#intervalMs - took, took * REST);
    this.#timer = setTimeout(() => this.#tick(), delay);
  }

  #read(): ContainerSample[] {
    const before = this.#last;
    const latest = new Map<string, Stats>();
    const samples: ContainerSample[] = [];
    for (const container of this.#containers) {
      const { id, bundle: { record: { instance, labels } } } = container;
      if (!(this.#ids?.has(id) ?? true) || !hasLabels(labels, this.#labels)) continue;
      const stats = statsOf(container);
      if (stats === undefined) continue;
      latest.set(instance, stats);
      const percent = cpuPercent(before.get(instance), stats);
      samples.push({
        id,
        instance,
        status: container.state().status,
        ...(percent === undefined ? {} : { cpuPercent: Math.round(percent * 100) / 100 }),
        stats,
      });
    }
    this.#last = latest;
    return samples.sort((a, b) => a.id < b.id ? -1 : 1);
  }

  #send(samples: readonly ContainerSample[]): void {
    const timestamp = new Date().toISOString();
    const send = (containers: ContainerSample[], more: boolean) =>
      this.#peer.notify("stats.tick", {
        subscription: this.id,
        timestamp,
        containers,
        ...(more ? { more } : {}),
      });
    let part: ContainerSample[] = [];
    let size = 0;
    for (const sample of samples) {
      if (size > MAX_PAGE_TEXT) {
        send(part, true);
        part = [];
        size = 0;
      }
      part.push(sample);
      size += JSON.stringify(sample).length;
    }
    send(part, false);
  }
}
