// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BerthError } from "../../src/rpc/errors.ts";
import type { ErrorKind } from "../../src/rpc/errors.ts";
import type { TypedClient } from "../../src/rpc/transport/dial.ts";
import type { DaemonContract } from "../../src/rpc/contract/daemon.ts";
import type { ParamsOf, ResultOf } from "../../src/rpc/contract/method.ts";
import type { Event } from "../../src/rpc/contract/schemas.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { within } from "../harness/poll.ts";
import type { Note } from "./timeline.ts";

/** How a process ended as an answer said: the events have to say the same. */
export interface SeenExit {
  readonly id: string;
  readonly execId: string | undefined;
  readonly exitStatus: number;
  readonly exitedAt: string;
}

type Name = keyof DaemonContract & string;

/** Errors that no call may end with, whatever is killed meanwhile. */
const NEVER: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  "Internal",
  "InvalidParams",
  "InvalidRequest",
  "MethodNotFound",
  "ParseError",
  "ResourceExhausted",
]);

/** How many notes are kept. */
const MOST_NOTES = 200_000;

/** Far above what any call takes; longer means that it hangs. */
const HANGS = 120_000;

/**
 * The soak's way to a daemon that is killed and started again: calls wait until there is one, and
 * every event of all of its lives is kept in one history.
 */
export class Session {
  readonly daemon: TestDaemon;
  /** Every event, resumed after each restart. */
  readonly events: Event[] = [];
  /** Exits that answers have told. */
  readonly exits: SeenExit[] = [];
  /** The steps so far, for the time line of a failure. */
  readonly notes: Note[] = [];
  /** How often what was called, and how it ended. */
  readonly counts = new Map<string, number>();
  #up = Promise.withResolvers<TypedClient<DaemonContract>>();
  #following: Promise<void> | undefined;
  #collector: EventCollector | undefined;
  #violation: Error | undefined;
  #start = Promise.withResolvers<number>();

  constructor(daemon: TestDaemon) {
    this.daemon = daemon;
  }

  /** The first thing that must never happen and did; undefined where none did. */
  get violation(): Error | undefined {
    return this.#violation;
  }

  /** Takes note of what must never happen. */
  violated(error: unknown): void {
    this.#violation ??= error instanceof Error ? error : new Error(String(error));
  }

  /** Notes what is done, now. */
  note(text: string, id?: string, cgroup?: string): void {
    // An hour of a soak has more than a reader wants: the oldest go.
    if (this.notes.length >= MOST_NOTES) this.notes.splice(0, MOST_NOTES / 2);
    this.notes.push({ at: new Date().toISOString(), text, id, cgroup });
  }

  /** A container is about to be started, by the shim of this pid. */
  starting(shimPid: number): void {
    this.#start.resolve(shimPid);
    this.#start = Promise.withResolvers();
  }

  /** The shim of the container that is started next, when it is about to be. */
  nextStart(): Promise<number> {
    return this.#start.promise;
  }

  /** There is a daemon: lets calls go on, and takes up its events. */
  async up(): Promise<void> {
    const after = this.events.at(-1)?.seq ?? 0;
    const collector = await EventCollector.subscribe(this.daemon.socket, { after });
    if (collector.subscription.gap) this.violated(new Error(`a gap after event ${after}`));
    this.#collector = collector;
    this.#following = collector.closed.then(() => void this.events.push(...collector.events));
    this.#up.resolve(this.daemon.client);
  }

  /** It is about to be killed or stopped: new calls wait. */
  down(): void {
    this.#up = Promise.withResolvers();
  }

  /** It is gone: has taken in what came from it to the last. */
  async drained(): Promise<void> {
    await this.#following;
  }

  /** Takes in every event there is, and ends following. */
  async caughtUp(): Promise<void> {
    using now = await EventCollector.subscribe(this.daemon.socket);
    const { latest } = now.subscription;
    const collector = this.#collector;
    assert.ok(collector);
    const seen = () => collector.events.at(-1)?.seq ?? this.events.at(-1)?.seq ?? 0;
    await within(
      `event ${latest}, after ${seen()}`,
      (async () => {
        while (seen() < latest) await new Promise((resolve) => setTimeout(resolve, 20));
      })(),
    );
    collector[Symbol.dispose]();
    await this.#following;
  }

  /**
   * Calls the daemon, once there is one. Returns undefined for an error that faults may cause; one
   * that they may not, or none at all for minutes, is a violation.
   */
  async call<N extends Name>(
    name: N,
    params: ParamsOf<DaemonContract, N>,
  ): Promise<ResultOf<DaemonContract, N> | undefined> {
    const client = await this.#up.promise;
    const id = "id" in params && typeof params.id === "string" ? params.id : undefined;
    // What only looks would drown the rest.
    const changes = name !== "container.state" && name !== "container.list";
    if (changes) this.note(name, id);
    let ended = "ok";
    try {
      return await within(
        `an answer to ${name} ${JSON.stringify(params)}`,
        client.call(name, params),
        HANGS,
      );
    } catch (error) {
      ended = error instanceof BerthError ? error.kind : "no answer";
      if (!(error instanceof BerthError) || NEVER.has(error.kind)) {
        this.violated(new Error(`${name} ${JSON.stringify(params)}: ${error}`, { cause: error }));
      }
      return undefined;
    } finally {
      const key = `${name} ${ended}`;
      if (changes) this.note(key, id);
      this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
    }
  }

  /**
   * Waits for a process as long as it takes. Returns undefined when the daemon goes away meanwhile,
   * or there is no such process.
   */
  async wait(
    params: ParamsOf<DaemonContract, "container.wait">,
  ): Promise<ResultOf<DaemonContract, "container.wait"> | undefined> {
    const client = await this.#up.promise;
    try {
      return await client.call("container.wait", params);
    } catch (error) {
      if (!(error instanceof BerthError) || NEVER.has(error.kind)) this.violated(error);
      return undefined;
    }
  }
}
