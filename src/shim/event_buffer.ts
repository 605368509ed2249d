// SPDX-License-Identifier: MIT
import type { ShimEvent } from "../rpc/shim_contract.ts";

/** An event before it has its number and time. */
export type EventDraft = Omit<ShimEvent, "seq" | "timestamp">;

/** Is told of each event, in order; must not throw. */
export type EventListener = (event: ShimEvent) => void;

/** How many events that nobody acknowledged are kept before the shim takes on no more processes. */
export const MAX_KEPT = 10_000;

/**
 * The events of one container from when they happen until the daemon says that it has them. Nothing
 * is ever dropped: what bounds it is that nothing new is started once {@linkcode full}.
 */
export class EventBuffer {
  #seq: number;
  #kept: ShimEvent[] = [];
  readonly #listeners = new Set<EventListener>();

  /** @param start Number before the first event's; a shim that takes over goes on above. */
  constructor(start = 0) {
    this.#seq = start;
  }

  /** Number of the last event; the start number before the first. */
  get latest(): number {
    return this.#seq;
  }

  /** Whether so many events wait that no new process may be started. */
  get full(): boolean {
    return this.#kept.length >= MAX_KEPT;
  }

  /** Numbers, keeps and hands out one event. */
  publish(draft: EventDraft): ShimEvent {
    const event: ShimEvent = {
      seq: ++this.#seq,
      timestamp: new Date().toISOString(),
      ...draft,
    };
    this.#kept.push(event);
    for (const listener of this.#listeners) listener(event);
    return event;
  }

  /** Hands every kept event after `after` to `listener` at once, then each new one. */
  subscribe(after: number, listener: EventListener): Disposable {
    for (const event of this.#kept) {
      if (event.seq > after) listener(event);
    }
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Forgets the events up to and including `seq`. */
  ack(seq: number): void {
    const first = this.#kept.findIndex((event) => event.seq > seq);
    this.#kept = first < 0 ? [] : this.#kept.slice(first);
  }
}
