// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { FailedPreconditionError, UnavailableError } from "../../rpc/errors.ts";
import { backoff } from "../util/backoff.ts";
import type { ContainerParts } from "./parts.ts";
import type { ContainerDeletion } from "./deletion.ts";
import type { ShimClient } from "../shims/shim_client.ts";
import { isWedged } from "../shims/errors.ts";
import { waitUntilCreated } from "./wait_until_created.ts";

/** How many shims in a row may die while they take over a container. */
const MOST_ADOPTERS = 3;

/**
 * Finds the shim of a container again: after a daemon restart, after a broken connection, and after
 * it gave no answer. What happens by itself, in the background, takes the container's lock.
 */
export class ContainerRecovery {
  readonly #parts: ContainerParts;
  readonly #deletion: ContainerDeletion;

  constructor(parts: ContainerParts, deletion: ContainerDeletion) {
    this.#parts = parts;
    this.#deletion = deletion;
  }

  /**
   * Finds the shim again after a daemon restart and takes over what happened meanwhile. Settles
   * when that is decided; never rejects. The caller holds the lock.
   */
  async reconnect(): Promise<void> {
    const { bundle, events, cleanup } = this.#parts;
    try {
      this.#presume();
      if (events.deletePublished) {
        // Only its directory was left to remove.
        await cleanup.removeBundle();
        this.#deletion.release();
        return;
      }
    } catch (error) {
      getLogger(["berth", "container"]).error("{id}: not all of its bundle is usable: {reason}", {
        id: bundle.id,
        reason: messageOf(error),
      });
    }
    await this.#dialAgain();
  }

  /** Until the shim has said how things are, the bundle's files and the journal tell. */
  #presume(): void {
    const { bundle, cgroup, context, processes } = this.#parts;
    const exit = bundle.exitRecord();
    processes.pid = exit?.pid ?? bundle.initPid() ?? 0;
    const { startedAt } = context.events.journal.facts(bundle.record.instance);
    if (startedAt !== undefined) {
      processes.startedAt = startedAt;
      processes.status = "running";
    }
    if (exit !== undefined) processes.recordExit(undefined, exit);
    // Before the shim's events come in: an OOM kill is told before the exit that it caused.
    cgroup.load();
  }

  /** The connection to the shim has ended although nobody wanted that. */
  async lost(): Promise<void> {
    const { connection, lock } = this.#parts;
    using _lock = await lock.acquire();
    if (connection.isDetaching || connection.status !== "connecting") return;
    await this.#dialAgain();
  }

  /**
   * Takes note of what a call of the shim has ended with, and answers what to throw. A shim that
   * gave no answer is not asked again before it has answered a connection, so that nothing piles up
   * for it. What else it was asked ends the same way.
   */
  translateShimError(client: ShimClient | undefined, error: unknown): unknown {
    const { connection } = this.#parts;
    if (isWedged(error) && client !== undefined && connection.client === client) {
      connection.markUnresponsive(error);
      void this.#retryUnavailable();
    }
    const cut = error instanceof UnavailableError && connection.status === "unavailable";
    return cut ? connection.unreachable() : error;
  }

  /**
   * A wedged shim may come to itself again, or die. Waits for that without the lock, which a forced
   * delete needs.
   */
  async #retryUnavailable(first = 100): Promise<void> {
    const { context, connection, lock } = this.#parts;
    const waiting = () => connection.status === "unavailable" && !connection.isDetaching;
    for (const delay of backoff({ first, most: Math.max(first, 500) })) {
      if (!await delay(context.stopping) || !waiting()) return;
      if (!await connection.probe()) continue;
      using _lock = await lock.acquire();
      if (waiting()) await this.#dialAgain();
      return;
    }
  }

  /** A refused connection, or no socket, means a dead shim; anything else that it may be wedged. */
  async #dialAgain(): Promise<void> {
    const { context, connection } = this.#parts;
    try {
      await this.#takeOver(context.noShim ? await connection.adopt() : await connection.connect());
    } catch (error) {
      if (error instanceof UnavailableError && error.data["errno"] !== undefined) {
        await this.#shimDied();
        return;
      }
      connection.markUnresponsive(error);
      // One of another protocol answers, and will not change its mind.
      void this.#retryUnavailable(error instanceof FailedPreconditionError ? 2_000 : 100);
    }
  }

  /** Decides what the state of a found shim means for the container. */
  async #takeOver(client: ShimClient): Promise<void> {
    const { bundle: { id }, cgroup, context, events, processes } = this.#parts;
    const found = await client.call("shim.state", {});
    const now = found.status === "creating"
      ? await waitUntilCreated(this.#parts, client, context.timeouts.runtime)
      : found;
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
      await this.#deletion.finish();
      return;
    }
    processes.load(now);
    if (now.status === "deleted") {
      await this.#deletion.finish();
      return;
    }
    cgroup.resolve();
    context.onReconnect();
  }

  /** What to do about a dead shim: have its container taken over, or remove what it left. */
  async #shimDied(): Promise<void> {
    const { bundle, context, connection } = this.#parts;
    const { id } = bundle;
    const log = getLogger(["berth", "shim"]);
    log.warn("{id}: its shim (pid {shim}) is gone", { id, shim: connection.pid });
    for (let adopters = MOST_ADOPTERS; adopters > 0 && this.#mayAdopt(); adopters--) {
      try {
        // Two shims must never look after one container, should only its socket be gone.
        await context.shims().kill(bundle);
        await this.#takeOver(await connection.adopt());
        return;
      } catch (error) {
        log.error("{id}: cannot adopt it: {reason}", { id, reason: messageOf(error) });
        // The new one may have been killed too; whatever else it is, the next would fare no better.
        if (!(error instanceof UnavailableError)) break;
      }
    }
    this.#deletion.removeInBackground();
  }

  #mayAdopt(): boolean {
    const { bundle, context, processes } = this.#parts;
    return context.onShimDeath === "adopt" && processes.pid !== 0 && processes.exit === undefined &&
      !bundle.record.stdio.terminal;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
