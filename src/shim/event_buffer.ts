// SPDX-License-Identifier: MIT
import type { RuntimeCall, ShimEvent } from "../rpc/contract/shim.ts";
import type { ProcessExit } from "./exit/process_exit.ts";

/** An event before it has its number. Its time is that of its publication where it has none. */
export type ShimEventDraft = Omit<ShimEvent, "seq" | "timestamp"> & {
  readonly timestamp?: string | undefined;
};

/** What a subscriber is told; must not throw. */
export interface EventListener {
  /** Each event, in order. */
  event(event: ShimEvent): void;
  /** Each call of the OCI runtime, when it has ended. */
  runtimeCall?(call: RuntimeCall): void;
}

/** An event that waits to be numbered. */
interface HeldEvent {
  readonly event: Omit<ShimEvent, "seq">;
  /** The number that it may have been published with before. */
  readonly was: number | undefined;
}

/** How many events that nobody acknowledged are kept before the shim takes on no more processes. */
export const MAX_KEPT = 10_000;

/**
 * The events of one container from when they happen until the daemon says that it has them, and who
 * listens. Nothing is ever dropped: what bounds it is that nothing new is started once
 * {@linkcode full}.
 */
export class EventBuffer {
  #seq = 0;
  #kept: ShimEvent[] = [];
  /** Events are held back while it is not known how far the daemon is. */
  #held: HeldEvent[] | undefined;
  readonly #listeners = new Set<EventListener>();

  /** Number of the last event; 0 before the first. */
  get latest(): number {
    return this.#seq;
  }

  /** Whether so many events wait that no new process may be started. */
  get full(): boolean {
    return this.#kept.length >= MAX_KEPT;
  }

  /**
   * Holds events back until the first {@linkcode subscribe}, which says how far another shim's
   * numbers have gone: this one's go on above.
   */
  pause(): void {
    this.#held ??= [];
  }

  /** The number that an event will get that follows so many others; undefined while held back. */
  next(others = 0): number | undefined {
    return this.#held === undefined ? this.#seq + 1 + others : undefined;
  }

  /**
   * Numbers, keeps and hands out one event.
   *
   * @param was the number that an earlier shim has published it with, or would have: if the
   *   daemon has that, it is not published again. Only while held back.
   */
  publish(draft: ShimEventDraft, was?: number): void {
    const event = { ...draft, timestamp: draft.timestamp ?? new Date().toISOString() };
    if (this.#held !== undefined) this.#held.push({ event, was });
    else this.#add(event);
  }

  /** Publishes how a process has ended. */
  publishExit(pid: number, exit: ProcessExit, execId?: string, was?: number): void {
    this.publish({ type: "exit", pid, ...(execId === undefined ? {} : { execId }), ...exit }, was);
  }

  #add(event: Omit<ShimEvent, "seq">): void {
    const numbered = { seq: ++this.#seq, ...event };
    this.#kept.push(numbered);
    for (const listener of this.#listeners) listener.event(numbered);
  }

  /** Tells of a call of the OCI runtime. */
  runtimeCall(call: RuntimeCall): void {
    for (const listener of this.#listeners) listener.runtimeCall?.(call);
  }

  /** Hands every kept event after `after` to `listener` at once, then each new one. */
  subscribe(after: number, listener: EventListener): Disposable {
    this.#release(after);
    for (const event of this.#kept) {
      if (event.seq > after) listener.event(event);
    }
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
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
