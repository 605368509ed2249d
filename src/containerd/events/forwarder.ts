// SPDX-License-Identifier: MIT
import { after, sleep } from "../../linux/event_loop/timer.ts";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import { messageOf } from "../../error_text.ts";
import type { LogLevel } from "../log.ts";
import { CODE, TtrpcError } from "../ttrpc/messages.ts";

/** An event that waits to be forwarded. */
export interface QueuedEvent {
  readonly topic: string;
  /** Full name of its message. */
  readonly type: string;
  readonly value: Uint8Array<ArrayBuffer>;
  /** When it happened, RFC 3339. */
  readonly time: string;
  /** Whether containerd asks about the process once more before its own client has the answer. */
  readonly isAskedAbout: boolean;
}

/** Brings one event to containerd. Rejects if it may not have arrived. */
export type Deliver = (event: QueuedEvent, signal: AbortSignal) => Promise<void>;

/** The most events that wait for containerd; beyond it the oldest that is no exit is dropped. */
const MAX_KEPT = 2048;

/** The most that wait where all are exits; beyond it the oldest of them is dropped. */
const MAX_EXITS = 8192;

/**
 * How long containerd may take to take one event, in milliseconds. As long as a busy or stopped one
 * may take: its end breaks the connection, and one that only goes on late would take the event again
 * from each further try.
 */
const TRY_MS = 60_000;

/**
 * How long the event of a create or a start waits for what containerd asks about the process before it
 * answers its own client, in milliseconds.
 */
export const ASKING_MS = 3;

/** Delay between two tries, in milliseconds: at first, and at most. */
const FIRST_DELAY = 20, MOST_DELAY = 1000;

/** How often an event is tried that containerd refuses, rather than being away. */
const MAX_REFUSALS = 5;

/** The same of an exit that may be taken later: with the delays between the tries more than a minute. */
const MAX_EXIT_REFUSALS = 70;

/** The topic of the events that docker and Kubernetes live by, which are the last to be dropped. */
const EXIT_TOPIC = "/tasks/exit";

/** Where events go, where failures are logged, how many events may wait, and for how long. */
export interface ForwarderOptions {
  readonly deliver: Deliver;
  readonly log: (level: LogLevel, message: string) => void;
  /** How many events are kept where all that waits are exits; 8,192 by default. */
  readonly maxExits?: number;
  /** {@linkcode ASKING_MS}, which is the default. */
  readonly askingMs?: number;
}

/**
 * Forwards events to containerd strictly one after another. While containerd is away they are kept,
 * and told when it is back.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #queue: QueuedEvent[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** Returns whether an event was not taken yet. */
  holds(event: QueuedEvent): boolean {
    return this.#queue.includes(event);
  }

  /** Adds an event behind those before it. */
  push(event: QueuedEvent): void {
    this.#queue.push(event);
    if (this.#queue.length > MAX_KEPT) this.#dropOne();
    this.#running ??= this.#run();
  }

  /** Waits until all events were taken, at most `ms` milliseconds. Returns whether they were. */
  async flush(ms: number): Promise<boolean> {
    const late = Promise.withResolvers<void>();
    using _timer = after(ms, late.resolve);
    await Promise.race([this.#running, late.promise]);
    return this.#queue.length === 0;
  }

  /** Drops the events that are not sent yet. */
  stop(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    for (const { topic } of this.#queue) {
      this.#options.log("error", `an event is dropped, the shim ends: ${topic}`);
    }
  }

  #dropOne(): void {
    // The first may be on its way.
    const at = this.#queue.findIndex(({ topic }, index) => index > 0 && topic !== EXIT_TOPIC);
    if (at < 0 && this.#queue.length <= (this.#options.maxExits ?? MAX_EXITS)) return;
    const [dropped] = this.#queue.splice(at < 0 ? 1 : at, 1);
    this.#options.log("error", `an event is dropped, too many wait: ${dropped?.topic}`);
  }

  async #run(): Promise<void> {
    try {
      // The answer to the call that has made the event goes first: its client waits for that.
      if (!this.#queue[0]?.isAskedAbout) await yieldToEventLoop();
      else if (!await this.#sleep(this.#options.askingMs ?? ASKING_MS)) return;
      for (let event = this.#queue[0]; event !== undefined; event = this.#queue[0]) {
        if (!await this.#forward(event)) return;
        this.#queue.shift();
      }
    } finally {
      // At once: an event that is pushed in a microtask after the last look is for another run.
      this.#running = undefined;
    }
  }

  /** Tries until the event is taken. Returns false if this is to stop. */
  async #forward(event: QueuedEvent): Promise<boolean> {
    let refusals = 0;
    for (let delay = FIRST_DELAY;; delay = Math.min(2 * delay, MOST_DELAY)) {
      try {
        await this.#options.deliver(event, AbortSignal.any([this.#stop.signal, timeout()]));
        return true;
      } catch (error) {
        if (this.#stop.signal.aborted) return false;
        if (isRefusal(error) && ++refusals >= mostRefusals(event, error)) {
          this.#options.log(
            "error",
            `an event is dropped, containerd refuses it: ${event.topic}: ${messageOf(error)}`,
          );
          return true;
        }
        this.#options.log("debug", `${event.topic} is tried again: ${messageOf(error)}`);
      }
      if (!await this.#sleep(delay)) return false;
    }
  }

  /** Returns false if this is to stop. */
  async #sleep(ms: number): Promise<boolean> {
    try {
      await sleep(ms, { signal: this.#stop.signal });
      return true;
    } catch {
      return false;
    }
  }
}

function timeout(): AbortSignal {
  return AbortSignal.timeout(TRY_MS);
}

/** Returns whether containerd has answered that it does not want the event. */
function isRefusal(error: unknown): error is TtrpcError {
  return error instanceof TtrpcError && error.code !== CODE.unavailable;
}

/** Returns how often an event is tried: one that is never taken must not hold up those behind it. */
function mostRefusals({ topic }: QueuedEvent, { code }: TtrpcError): number {
  const forGood = code === CODE.invalidArgument || code === CODE.unimplemented;
  return topic === EXIT_TOPIC && !forGood ? MAX_EXIT_REFUSALS : MAX_REFUSALS;
}
