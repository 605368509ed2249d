// SPDX-License-Identifier: MIT
import { dial, typedClient } from "../../src/rpc/transport/dial.ts";
import { eventNotification } from "../../src/rpc/contract/daemon.ts";
import type { DaemonContract } from "../../src/rpc/contract/daemon.ts";
import type { ParamsOf, ResultOf } from "../../src/rpc/contract/method.ts";
import type { Peer } from "../../src/rpc/peer/peer.ts";
import type { Event } from "../../src/rpc/contract/schemas.ts";
import type { TestDaemon } from "./daemon.ts";
import { CALL_TIMEOUT_MS, until } from "./poll.ts";

/** Members that an event has to have; every one given must be equal. */
export type EventMatch = Partial<Event>;

/** Returns every event of a container, from the journal too, once its delete is among them. */
export async function historyOf(daemon: TestDaemon, id: string): Promise<Event[]> {
  using events = await EventCollector.subscribe(daemon.socket, { after: 0, ids: [id] });
  await events.wait({ type: "delete", id });
  return events.events;
}

/** A subscription on a connection of its own that keeps every event it gets, checked, in order. */
export class EventCollector implements Disposable {
  /** The events so far. */
  readonly events: Event[] = [];
  /** The answer of `events.subscribe`. */
  readonly subscription: ResultOf<DaemonContract, "events.subscribe">;
  readonly #peer: Peer;

  private constructor(
    peer: Peer,
    subscription: ResultOf<DaemonContract, "events.subscribe">,
    events: Event[],
  ) {
    this.#peer = peer;
    this.subscription = subscription;
    this.events = events;
  }

  /** Subscribes at the daemon whose socket this is. */
  static async subscribe(
    socket: string,
    params: ParamsOf<DaemonContract, "events.subscribe"> = {},
  ): Promise<EventCollector> {
    const peer = await dial(socket, { onError: console.error, timeoutMs: CALL_TIMEOUT_MS });
    const events: Event[] = [];
    // Before the call: the first events may come right behind its answer.
    peer.onNotification(eventNotification.name, (value) => {
      events.push(eventNotification.params.parse(value).event);
    });
    const answer = await typedClient<DaemonContract>(peer).call("events.subscribe", params);
    return new EventCollector(peer, answer, events);
  }

  /** The events so far that match. */
  matching(match: EventMatch): Event[] {
    const wanted = Object.entries(match);
    return this.events.filter((event) => {
      const members = new Map<string, unknown>(Object.entries(event));
      return wanted.every(([key, value]) => members.get(key) === value);
    });
  }

  /** Waits until `count` events match; returns the last of these. */
  async wait(match: EventMatch, count = 1): Promise<Event> {
    return await until(
      `event number ${count} like ${JSON.stringify(match)}; so far: ${this.summary()}`,
      () => this.matching(match)[count - 1],
    );
  }

  /** The types so far, in order, such as `create start exit delete`; only of `id` if given. */
  types(id?: string): string {
    return this.events.filter((event) => id === undefined || event.id === id)
      .map((event) => event.execId === undefined ? event.type : `${event.type}:${event.execId}`)
      .join(" ");
  }

  /** One event after the other, for a message. */
  summary(): string {
    return this.events.map((event) => `${event.seq} ${event.type} ${event.id}`).join(", ") ||
      "none";
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return this.#peer.closed;
  }

  [Symbol.dispose](): void {
    this.#peer.close();
  }
}
