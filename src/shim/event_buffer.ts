// SPDX-License-Identifier: MIT
import type { RuntimeCall, ShimEvent } from "../rpc/contract/shim.ts";
import type { ProcessExit } from "../oci/process_exit.ts";

/** An event before it has its number. Its time is that of its publication where it has none. */
export type ShimEventDraft = Omit<ShimEvent, "seq" | "timestamp"> & {
  readonly timestamp?: string | undefined;
};

/** Receives the events of a container; must not throw. */
export interface EventListener {
  /** Receives each event, in order. */
  event(event: ShimEvent): void;
  /** Receives each call of the OCI runtime, once it has ended. */
  runtimeCall?(call: RuntimeCall): void;
}

/** An event that has no sequence number yet. */
interface HeldEvent {
  readonly event: Omit<ShimEvent, "seq">;
  /** The number under which a dead shim may have published it. */
  readonly was: number | undefined;
}

/** Number of unacknowledged events at which the shim refuses to start more processes. */
export const MAX_KEPT = 10_000;

/**
 * Keeps the events of one container until the daemon acknowledges them, and passes them to
 * subscribers. No event is ever dropped. The buffer stays bounded because no process is started while
 * it is {@linkcode full}.
 */
export class EventBuffer {
  #seq = 0;
  #kept: ShimEvent[] = [];
  /** Events are held back while it is not known how far the daemon is. */
  #held: HeldEvent[] | undefined;
  readonly #listeners = new Set<EventListener>();

  /** Sequence number of the last event; 0 before the first. */
  get latest(): number {
    return this.#seq;
  }

  /** Whether too many events are unacknowledged to start another process. */
  get full(): boolean {
    return this.#kept.length >= MAX_KEPT;
  }

  /**
   * Holds events back until the first {@linkcode subscribe}. Its `after` is the last number that the
   * daemon has from the dead shim; this shim's numbers continue from there.
   */
  pause(): void {
    this.#held ??= [];
  }

  /** Returns the number of the event after the next `others` ones; undefined while held back. */
  next(others = 0): number | undefined {
    return this.#held === undefined ? this.#seq + 1 + others : undefined;
  }

  /**
   * Numbers one event, keeps it and passes it to the subscribers.
   *
   * @param was the number under which a dead shim has, or would have, published it; not published
   *   again if the daemon has that number. Only while held back.
   */
  publish(draft: ShimEventDraft, was?: number): void {
    const event = { ...draft, timestamp: draft.timestamp ?? new Date().toISOString() };
    if (this.#held !== undefined) this.#held.push({ event, was });
    else this.#add(event);
  }

  /** Publishes the exit of a process. */
  publishExit(pid: number, exit: ProcessExit, execId?: string): void {
    this.publish({ type: "exit", pid, ...(execId === undefined ? {} : { execId }), ...exit });
  }

  #add(event: Omit<ShimEvent, "seq">): void {
    const numbered = { seq: ++this.#seq, ...event };
    this.#kept.push(numbered);
    for (const listener of this.#listeners) listener.event(numbered);
  }

  /** Reports a call of the OCI runtime to the subscribers. */
  runtimeCall(call: RuntimeCall): void {
    for (const listener of this.#listeners) listener.runtimeCall?.(call);
  }

  /**
   * Passes every kept event after `after` to `listener` at once, then each new one. Returns the number
   * of the last event, and ends it when disposed of.
   */
  subscribe(after: number, listener: EventListener): { latest: number } & Disposable {
    this.#release(after);
    for (const event of this.#kept) {
      if (event.seq > after) listener.event(event);
    }
    this.#listeners.add(listener);
    return {
      latest: this.latest,
      [Symbol.dispose]: () => void this.#listeners.delete(listener),
    };
  }

  #release(after: number): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#seq = after;
    for (const { event, was } of held) {
      if (was === undefined || was > after) this.#add(event);
    }
  }

  /** Forgets the events up to and including `seq`. */
  ack(seq: number): void {
    const first = this.#kept.findIndex((event) => event.seq > seq);
    this.#kept = first < 0 ? [] : this.#kept.slice(first);
  }
}
