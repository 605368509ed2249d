// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import {
  FailedPreconditionError,
  ResourceExhaustedError,
  UnavailableError,
} from "../../rpc/errors.ts";
import { NOBODY_LISTENS } from "../../rpc/transport/connect.ts";
import { isShimTimeout } from "../shims/shim_errors.ts";
import type { ShimState } from "../../rpc/contract/shim.ts";
import type { ShimClient } from "../shims/shim_client.ts";
import type { FoundShim } from "../shims/shim_manager.ts";
import { backoff } from "../../linux/event_loop/backoff.ts";
import { errnoNameOf, isExhausted } from "../../linux/libc/errno.ts";
import { logFailure } from "../util/log_failure.ts";
import { type ContainerParts, shimListener } from "./parts.ts";
import { waitUntilCreated } from "./create.ts";
import type { ContainerDeletion } from "./deletion.ts";
import { messageOf } from "../../error_text.ts";

/** How many shims in a row may die while they take over a container. */
const MOST_ADOPTERS = 3;

/** How long a failure that will not pass at once waits for the next attempt, in milliseconds. */
const SLOW_RETRY_MS = 2_000;

/** How often a shim is asked again that has events all the time. */
const MOST_STATES = 20;

/**
 * Finds the shim of a container again: after a daemon restart, after a broken connection, and after
 * it gave no answer. Work in the background takes the container's lock itself.
 */
export class ContainerRecovery {
  readonly #parts: ContainerParts;
  readonly #deletion: ContainerDeletion;
  #retrying = false;
  /** The resources that the machine has lacked for a shim since the last one: each is logged once. */
  readonly #lacking = new Set<string>();

  constructor(parts: ContainerParts, deletion: ContainerDeletion) {
    this.#parts = parts;
    this.#deletion = deletion;
    parts.life.onLost(() => void this.#onLost());
  }

  /**
   * Finds the shim again after a daemon restart and takes over the events of meanwhile. Settles
   * when that is decided; never rejects. The caller holds the lock.
   */
  async reconnect(): Promise<void> {
    const { bundle, cleanup, events, life } = this.#parts;
    try {
      this.#presume();
    } catch (error) {
      logFailure("error", "container", "{id}: not all of its bundle is usable: {reason}", error, {
        id: bundle.id,
      });
    }
    if (!events.deletePublished) return await this.#dialAgain();
    // Only its directory was left to remove.
    life.delete(cleanup.result());
    await this.#finish();
  }

  /** Presumes the state of the bundle's files and the journal, until the shim has sent its own. */
  #presume(): void {
    const { bundle, cgroup, events, processes } = this.#parts;
    const exit = bundle.exitRecord();
    processes.presume(exit?.pid ?? bundle.initPid() ?? 0, events.startedAt);
    if (exit !== undefined) processes.recordExit(undefined, exit);
    // Before the shim's events come in: an OOM kill is published before the exit that it caused.
    cgroup.load();
  }

  /** Handles the unexpected end of the connection to the shim. */
  async #onLost(): Promise<void> {
    const { life, lock } = this.#parts;
    using _lock = await lock.acquire();
    if (life.phase === "connecting") await this.#dialAgain();
  }

  /**
   * Translates an error of a call of the shim into the error to throw. If the shim timed out, marks it
   * unresponsive and starts dialing it again; other calls in flight fail with the same error. No call
   * is made before the shim has answered a new connection, so that none pile up.
   */
  translateShimError(client: ShimClient | undefined, error: unknown): unknown {
    const { life } = this.#parts;
    if (isShimTimeout(error) && client !== undefined && life.client === client) {
      life.giveUp(error);
      void this.#retryUnresponsive();
    }
    const cut = error instanceof UnavailableError && life.phase === "unresponsive";
    return cut ? life.unreachable() : error;
  }

  /**
   * An unresponsive shim may answer again, or die. Waits for that without the lock, which a forced
   * delete needs.
   */
  async #retryUnresponsive(first = 100): Promise<void> {
    if (this.#retrying) return;
    this.#retrying = true;
    const { bundle, context, life, lock } = this.#parts;
    const waiting = () => life.phase === "unresponsive";
    for (const delay of backoff({ first, most: Math.max(first, 500) })) {
      if (!await delay(context.stopping) || !waiting()) break;
      if (!await context.shims.probe(bundle)) continue;
      using _lock = await lock.acquire();
      this.#retrying = false;
      if (waiting()) await this.#dialAgain();
      return;
    }
    this.#retrying = false;
  }

  /**
   * Dials the shim again. A refused connection, or no socket, means a dead shim; any other failure,
   * one that may not answer.
   */
  async #dialAgain(): Promise<void> {
    const { context, life } = this.#parts;
    try {
      await this.#takeOver(context.config.runtime.no_shim ? "adopt" : "connect");
    } catch (error) {
      if (life.isEnding) return;
      if (error instanceof UnavailableError && NOBODY_LISTENS.has(error.data["errno"])) {
        await this.#shimDied();
        return;
      }
      life.giveUp(error);
      // A shim of another protocol answers, and will not change its mind. Without shims it is the daemon
      // that failed: each attempt reads the bundle anew, and there is no process to wait for.
      const isSlow = context.config.runtime.no_shim || error instanceof FailedPreconditionError;
      void this.#retryUnresponsive(isSlow ? SLOW_RETRY_MS : 100);
    }
  }

  /** Connects to the shim, or to one that takes its place, and decides what its state means. */
  async #takeOver(how: "connect" | "adopt"): Promise<void> {
    const { bundle, cgroup, cleanup, context, events, life, processes } = this.#parts;
    const { id } = bundle;
    const signal = life.reconnect();
    const after = events.shimSeq;
    const found = await context.shims[how](bundle, shimListener(this.#parts), { after, signal });
    const now = await this.#stateOf(found, after, signal);
    if (now.status === "none") {
      if (events.createPublished) {
        throw new FailedPreconditionError(
          `container ${id}: its shim does not know of it`,
          { data: { id } },
        );
      }
      getLogger(["berth", "container"]).info("{id}: its create was never finished; removing it", {
        id,
      });
      life.delete(undefined);
      return await this.#finish();
    }
    processes.load(now);
    if (now.status === "deleted") {
      life.delete(cleanup.result());
      return await this.#finish();
    }
    life.takeOver(found.client);
    this.#lacking.clear();
    cgroup.resolve();
    context.hooks.reconnect();
  }

  /**
   * Returns the state of a shim that was asked for it when its event `before` was the last one. Asks again
   * until no event has come in meanwhile, which would be newer than the answer: an exec that it tells
   * of would be forgotten.
   */
  async #stateOf(
    { client, state }: FoundShim,
    before: number,
    signal: AbortSignal,
  ): Promise<ShimState> {
    const { context, events } = this.#parts;
    for (let left = MOST_STATES;; left--) {
      const now = state.status === "creating"
        ? await waitUntilCreated(this.#parts, client, { boundMs: context.timeouts.runtime, signal })
        : state;
      if (events.shimSeq === before || left === 0) return now;
      before = events.shimSeq;
      state = await client.call("shim.state", {});
    }
  }

  /** Removes the bundle; where that cannot be done yet, in the background. */
  async #finish(): Promise<void> {
    try {
      await this.#deletion.finish();
    } catch (error) {
      logFailure("error", "container", "{id}: cannot remove its bundle yet: {reason}", error, {
        id: this.#parts.bundle.id,
      });
      this.#deletion.cleanUpInBackground();
    }
  }

  /** Handles the death of the shim: has its container taken over, or removes what it left. */
  async #shimDied(): Promise<void> {
    const { bundle, context, life } = this.#parts;
    const { id } = bundle;
    const log = getLogger(["berth", "shim"]);
    if (this.#lacking.size === 0) {
      log.warn("{id}: its shim (pid {shim}) is gone", { id, shim: life.shimPid });
    }
    for (let adopters = MOST_ADOPTERS; adopters > 0 && this.#mayAdopt(); adopters--) {
      try {
        // Two shims must never look after one container, should only its socket be gone.
        await context.shims.kill(bundle);
        await this.#takeOver("adopt");
        return;
      } catch (error) {
        if (life.isEnding) return;
        const lacking = lackingOf(error);
        if (lacking === undefined || !this.#lacking.has(lacking)) {
          log.error("{id}: cannot adopt it: {reason}", { id, reason: messageOf(error), error });
        }
        // The container lives, and what the machine lacks may be there again in a while. Each attempt
        // starts a process, so there are few.
        if (lacking !== undefined) {
          this.#lacking.add(lacking);
          life.giveUp(error);
          void this.#retryUnresponsive(SLOW_RETRY_MS);
          return;
        }
        // The new one may have been killed too; whatever else it is, the next would fare no better.
        if (!(error instanceof UnavailableError)) break;
      }
    }
    this.#deletion.cleanUpInBackground();
  }

  #mayAdopt(): boolean {
    const { bundle, context, processes } = this.#parts;
    return context.config.shim.on_death === "adopt" && processes.pid !== 0 &&
      processes.exit === undefined && !bundle.record.stdio.terminal;
  }
}

/** Returns the resource that the machine lacks by this error; undefined if the error is another. */
function lackingOf(error: unknown): string | undefined {
  if (isExhausted(error)) return errnoNameOf(error) ?? error.name;
  return error instanceof ResourceExhaustedError ? error.kind : undefined;
}
