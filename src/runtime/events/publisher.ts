// SPDX-License-Identifier: MIT
import type { Event } from "../../rpc/contract/schemas.ts";
import type { EventDraft, Journal } from "./journal.ts";
import { logFailure, logFailuresOnce } from "../util/log_failure.ts";

interface PendingEvent {
  readonly draft: EventDraft;
  readonly shimSeq: number | undefined;
  readonly written: ((event: Event) => void) | undefined;
}

/** How soon a journal that could not be written is tried again, in milliseconds. */
const RETRY = 500;

/**
 * Every event of this daemon on its way into the journal, in order. A full disk holds events back,
 * it does not lose them: they are kept here and by their shims, and written when there is room.
 */
export class EventPublisher implements Disposable {
  /** The journal behind it. */
  readonly journal: Journal;
  readonly #listeners: ((event: Event) => void)[] = [];
  readonly #backlog: PendingEvent[] = [];
  #flushing = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Set while the journal cannot be written. */
  #log: typeof logFailure | undefined;

  constructor(journal: Journal) {
    this.journal = journal;
  }

  /** Calls `listener` with each event from now on, once it is in the journal. */
  addListener(listener: (event: Event) => void): void {
    this.#listeners.push(listener);
  }

  /** Publishes one event; `written` is called when it is in the journal. */
  publish(draft: EventDraft, shimSeq?: number, written?: (event: Event) => void): void {
    this.#backlog.push({ draft, shimSeq, written });
    // An event that a listener publishes waits until all have the event before.
    if (this.#backlog.length === 1 && !this.#flushing) this.#flush();
  }

  /** Writes the events at once that a full disk has held back, as far as there is room by now. */
  flush(): void {
    if (this.#backlog.length > 0 && !this.#flushing) this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#retry);
    this.#flushing = true;
    try {
      this.#writeBacklog();
    } finally {
      this.#flushing = false;
    }
  }

  #writeBacklog(): void {
    for (let next = this.#backlog[0]; next; next = this.#backlog[0]) {
      let event: Event;
      try {
        event = this.journal.append(next.draft, next.shimSeq);
      } catch (error) {
        this.#log ??= logFailuresOnce();
        this.#log("error", "journal", "cannot write events, will retry: {reason}", error);
        this.#retry = setTimeout(() => this.#flush(), RETRY);
        return;
      }
      this.#log = undefined;
      this.#backlog.shift();
      if (next.written !== undefined) this.#tell(next.written, event);
      for (const listener of this.#listeners) this.#tell(listener, event);
    }
  }

  /** A failing listener must not stop later events: the event is already in the journal. */
  #tell(listener: (event: Event) => void, event: Event): void {
    try {
      listener(event);
    } catch (error) {
      logFailure("error", "journal", "a listener of events failed: {reason}", error);
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#retry);
  }
}
