// SPDX-License-Identifier: MIT
import { type Deferred, deferred } from "../rpc/peer/deferred.ts";
import { UnavailableError } from "../rpc/errors.ts";
import type { Peer } from "../rpc/peer/peer.ts";
import { isRecord } from "../rpc/is_record.ts";
import type { DaemonMethods, Event, EventNotification, EventType } from "./daemon_types.ts";
import { dialDaemon } from "./link.ts";
import { RetryPause } from "./retry_pause.ts";

/** The events to stream, and where to begin. */
export interface EventsOptions {
  /** Begin after the event with this seq; 0: with the oldest there is. Default: with the next one. */
  readonly after?: number;
  /** Only events of these containers. */
  readonly ids?: readonly string[];
  /** Only events of these types. */
  readonly types?: readonly EventType[];
  /** Only events of containers that have all these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Ends the stream. A pending `next()` rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** An event of an {@linkcode EventStream}. */
export interface StreamedEvent extends Event {
  /** Events before this one are lost: the daemon does not keep them any more. */
  readonly gap?: true;
}

/** Nothing more is taken from the daemon while so many events wait to be read … */
const MOST_WAITING = 10_000;
/** … until no more than this do. */
const FEW_WAITING = 1000;

type Subscribed = DaemonMethods["events.subscribe"]["result"];

/**
 * The events of containers, in order, over a connection of its own. When that is lost, or the reader
 * does not keep up, the stream connects anew and goes on after the last event that it has got: none is
 * missed or comes twice. Where the daemon no longer keeps the next events, `gap` says so.
 *
 * The first connection must succeed: otherwise the stream ends with that error.
 */
export class EventStream implements AsyncIterableIterator<StreamedEvent>, AsyncDisposable {
  /** Resolves when the daemon sends events: none from then on is missed. */
  readonly ready: Promise<void>;
  /** Resolves when the stream has ended, in whatever way. */
  readonly ended: Promise<void>;
  readonly #socket: string;
  readonly #options: EventsOptions;
  readonly #ready: Deferred<void> = deferred<void>();
  readonly #end = new AbortController();
  readonly #removeListener: () => void;
  readonly #waiting: StreamedEvent[] = [];
  #reader: Deferred<void> | undefined;
  #room: Deferred<void> | undefined;
  /** Seq of the last event that has come; undefined before the first subscription. */
  #cursor: number | undefined;
  #gap = false;
  #failure: { readonly reason: unknown } | undefined;

  /** @internal Made by `Client.events`. */
  constructor(socket: string, options: EventsOptions = {}) {
    this.#socket = socket;
    this.#options = options;
    this.#cursor = options.after;
    this.ready = this.#ready.promise;
    // A reader of events gets the error too, so this promise may be ignored.
    this.ready.catch(() => {});
    const { signal } = options;
    const onAbort = () => this.#fail(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    this.#removeListener = () => signal?.removeEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    this.ended = this.#run();
  }

  /**
   * Returns the next event. Rejects, and has ended, with the signal's reason or the daemon's
   * refusal.
   */
  async next(): Promise<IteratorResult<StreamedEvent, undefined>> {
    while (true) {
      const event = this.#waiting.shift();
      if (this.#waiting.length <= FEW_WAITING) this.#room?.resolve();
      if (event !== undefined) return { done: false, value: event };
      if (this.#failure !== undefined) throw this.#failure.reason;
      if (this.#end.signal.aborted) return { done: true, value: undefined };
      this.#reader ??= deferred<void>();
      await this.#reader.promise;
    }
  }

  /** Ends the stream; unread events are dropped. */
  async return(): Promise<IteratorResult<StreamedEvent, undefined>> {
    this.#waiting.length = 0;
    this.#stop();
    await this.ended;
    return { done: true, value: undefined };
  }

  /** Returns the stream itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Calls {@linkcode return}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    const pause = new RetryPause();
    let first = true;
    while (!signal.aborted) {
      try {
        await this.#follow(() => {
          pause.reset();
          first = false;
        });
      } catch (error) {
        if (signal.aborted) return;
        if (first || !(error instanceof UnavailableError)) return this.#fail(error);
      }
      if (this.#waiting.length > FEW_WAITING) await this.#awaitRoom();
      else await pause.wait(signal);
    }
  }

  /** One connection: subscribes and takes events until it is lost or too many wait. */
  async #follow(onSubscribed: () => void): Promise<void> {
    const { signal } = this.#end;
    const peer = await dialDaemon(this.#socket, signal);
    const close = () => peer.close();
    signal.addEventListener("abort", close);
    try {
      // The first events may come in one piece with the answer, before that is dealt with.
      let early: EventNotification[] | undefined = [];
      peer.onNotification("events.event", (params) => {
        if (!isEventNotification(params)) return;
        if (early === undefined) this.#take(params, peer);
        else early.push(params);
      });
      const { ids, types, labels } = this.#options;
      const params = { after: this.#cursor, ids, types, labels };
      const answer = await peer.call("events.subscribe", params, { signal });
      this.#subscribed(answer as Subscribed);
      for (const notification of early) this.#take(notification, peer);
      early = undefined;
      onSubscribed();
      this.#ready.resolve();
      await peer.closed;
    } finally {
      signal.removeEventListener("abort", close);
      peer.close();
    }
  }

  #subscribed({ latest, gap }: Subscribed): void {
    // A cursor ahead of the daemon is of another journal, from before its state was wiped.
    if (this.#cursor !== undefined && this.#cursor > latest) this.#cursor = 0;
    this.#cursor ??= latest;
    if (gap) this.#gap = true;
  }

  #take({ event, gap }: EventNotification, peer: Peer): void {
    // Events after the stream was cut short here come again with the next connection.
    if (this.#waiting.length >= MOST_WAITING || this.#end.signal.aborted) return peer.close();
    if (event.seq <= (this.#cursor ?? 0)) return;
    this.#cursor = event.seq;
    this.#waiting.push(gap || this.#gap ? { ...event, gap: true } : event);
    this.#gap = false;
    this.#wakeReader();
  }

  async #awaitRoom(): Promise<void> {
    this.#room = deferred<void>();
    await this.#room.promise;
    this.#room = undefined;
  }

  #wakeReader(): void {
    this.#reader?.resolve();
    this.#reader = undefined;
  }

  #fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#ready.reject(reason);
    this.#stop();
  }

  #stop(): void {
    this.#removeListener();
    this.#end.abort();
    this.#ready.reject(new UnavailableError("the event stream has ended"));
    this.#room?.resolve();
    this.#wakeReader();
  }
}

function isEventNotification(params: unknown): params is EventNotification {
  return isRecord(params) && isRecord(params.event) && typeof params.event.seq === "number";
}
