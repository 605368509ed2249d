// SPDX-License-Identifier: MIT
// Sends the events of the journal to one subscriber.
import type { DaemonContract, DaemonNotifications } from "../../rpc/contract/daemon.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { Event } from "../../rpc/contract/schemas.ts";
import { logFailure } from "../util/log_failure.ts";
import { eventFilter, type SubscriptionFilter } from "./event_filter.ts";
import type { Journal } from "./journal.ts";

/** The part of a `Peer` through which a {@linkcode EventSubscriber} reaches its subscriber. */
export interface SubscriberPeer {
  /** Bytes that are queued for the subscriber and not written yet. */
  readonly queuedBytes: number;
  notify<N extends keyof DaemonNotifications>(method: N, params: DaemonNotifications[N]): void;
  /** Resolves when at most `limit` bytes are queued, or the connection is gone. */
  drain(limit: number): Promise<void>;
  close(): void;
}

/** Nothing is sent while more than this is queued for a subscriber, in bytes … */
const QUEUE_HIGH = 256 * 1024;
/** … until it has come down to this. */
const QUEUE_LOW = 64 * 1024;
/** How many events are looked at before others get their turn. */
const BATCH = 256;

/**
 * Sends events to one subscriber, in order, from a cursor into the journal. Nothing is kept for it
 * here: one that does not keep up reads older events from the journal's files when it has room, and
 * costs other subscribers nothing.
 *
 * Where events that it had yet to get have rotated away it goes on with the oldest there is, and `gap`
 * says so: of the answer to `events.subscribe`, later of the first notification after the gap.
 */
export class EventSubscriber implements Disposable {
  readonly id: string;
  /** The answer to `events.subscribe`. */
  readonly answer: ResultOf<DaemonContract, "events.subscribe">;
  readonly #peer: SubscriberPeer;
  readonly #journal: Journal;
  readonly #wants: (event: Event) => boolean;
  /** Seq of the last event that was dealt with. */
  #cursor: number;
  #gap = false;
  /** `paused`: until there is room, or its next turn. */
  #state: "idle" | "paused" | "closed" = "paused";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Begins to send in a later turn of the event loop, so that the answer goes out first. Goes on
   * until it is disposed of, which has to be done when the connection is gone too.
   */
  constructor(id: string, peer: SubscriberPeer, journal: Journal, filter: SubscriptionFilter = {}) {
    const { oldest, latest } = journal;
    const after = filter.after ?? latest;
    // A seq from the future is one of another journal: that of before the state was wiped.
    const wiped = after > latest;
    this.answer = {
      subscription: id,
      oldest,
      latest,
      gap: wiped || isLost(after, oldest, latest),
    };
    this.id = id;
    this.#cursor = wiped ? 0 : Math.max(after, oldest - 1);
    this.#peer = peer;
    this.#journal = journal;
    this.#wants = eventFilter(filter);
    this.#nextTurn();
  }

  /** How many events are in the journal that it has not been sent. */
  get lag(): number {
    return this.#journal.latest - this.#cursor;
  }

  /** Sends any new events. */
  wake(): void {
    if (this.#state === "idle") this.#send();
  }

  /** Sends nothing more. */
  [Symbol.dispose](): void {
    this.#state = "closed";
    clearTimeout(this.#timer);
  }

  #send(): void {
    try {
      if (this.#peer.queuedBytes > QUEUE_HIGH) this.#waitForRoom();
      else if (!this.#sendBatch()) this.#waitForRoom();
      else if (this.#cursor < this.#journal.latest) this.#nextTurn();
      else this.#state = "idle";
    } catch (error) {
      // It must not miss an event without knowing: it can connect anew and go on from where it is.
      logFailure("error", "events", "subscription {id} ends: {reason}", error, { id: this.id });
      this[Symbol.dispose]();
      this.#peer.close();
    }
  }

  /** Deals with some events; false when there is no room for another. */
  #sendBatch(): boolean {
    const { oldest, latest } = this.#journal;
    if (isLost(this.#cursor, oldest, latest)) {
      this.#gap = true;
      this.#cursor = Math.max(this.#cursor, oldest - 1);
    }
    const events = this.#journal.read(this.#cursor, BATCH);
    // The rest of the journal is damaged.
    if (events.length === 0) this.#cursor = latest;
    for (const event of events) {
      if (this.#wants(event)) {
        if (this.#peer.queuedBytes > QUEUE_HIGH) return false;
        this.#peer.notify("events.event", {
          subscription: this.id,
          event,
          ...(this.#gap ? { gap: true } : {}),
        });
        this.#gap = false;
      }
      this.#cursor = event.seq;
    }
    return true;
  }

  #waitForRoom(): void {
    this.#state = "paused";
    this.#peer.drain(QUEUE_LOW).then(() => this.#resume());
  }

  #nextTurn(): void {
    this.#state = "paused";
    this.#timer = setTimeout(() => this.#resume());
  }

  #resume(): void {
    if (this.#state === "paused") this.#send();
  }
}

/** Returns whether events after `cursor` are no longer kept. */
export function isLost(cursor: number, oldest: number, latest: number): boolean {
  return cursor < latest && (oldest === 0 || cursor < oldest - 1);
}
