// SPDX-License-Identifier: MIT
import { failpointAsync } from "../../failpoint.ts";
import type { DeleteResult } from "../../rpc/contract/schemas.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import { backoff } from "../../linux/event_loop/backoff.ts";
import { removeLog } from "../create/log.ts";
import { logFailuresOnce } from "../util/log_failure.ts";
import type { ContainerParts } from "./parts.ts";

/**
 * The ways in which a container goes, with and without its shim's help. Callers hold the container's
 * lock; work in the background takes it by itself.
 */
export class ContainerDeletion {
  readonly #parts: ContainerParts;
  #inBackground = false;

  constructor(parts: ContainerParts) {
    this.#parts = parts;
  }

  /** Makes the shim of a container that is being deleted leave its bundle. */
  async detachShim(): Promise<void> {
    const { bundle, context, life } = this.#parts;
    if (life.state.phase !== "deleting" || life.state.shim === undefined) return;
    await context.shims.detach(bundle, life.state.shim);
    await failpointAsync("delete.detached");
    life.detach();
  }

  /**
   * Removes what is left once the shim has no container any more: the shim and the bundle. Returns
   * how it ended; undefined if its create came to nothing, of which no event tells. With `force` a
   * network that cannot be removed is left behind; see {@linkcode ContainerCleanup.removeNetwork}.
   *
   * @throws {FailedPreconditionError} if that cannot be done yet; it may be tried again.
   */
  async finish(force = false): Promise<DeleteResult | undefined> {
    const { cleanup, events, life } = this.#parts;
    await this.detachShim();
    this.#removeLog();
    const known = life.state.phase === "deleting" ? life.state.result : undefined;
    const result = known ?? cleanup.result();
    try {
      await cleanup.removeNetwork(force);
    } catch (error) {
      // No client may ever ask again, and the rest of a network is in others' way.
      this.#goOnInBackground();
      throw error;
    }
    await cleanup.removeBundle(result, this.#parts.bundle.hasRemoval());
    this.#release(known);
    return events.createPublished ? result : undefined;
  }

  /**
   * Removes everything after the shim has died, or so that it dies. Each step may be repeated. Returns
   * what {@linkcode finish} does.
   *
   * @throws {BerthError} if the runtime fails, and other errors that prevent it.
   */
  async cleanUp(force = false): Promise<DeleteResult | undefined> {
    const result = await this.cleanUpUncounted(force);
    this.#parts.context.hooks.cleanup();
    return result;
  }

  /**
   * {@linkcode cleanUp} of a create that has just failed: no dead shim's remains, for the
   * metrics.
   */
  async cleanUpUncounted(force = false): Promise<DeleteResult | undefined> {
    const { bundle, cleanup, events, life } = this.#parts;
    life.destroy();
    await cleanup.destroy();
    // The log of a container whose shim has died may be wanted; one that never was wrote nothing.
    const isLate = bundle.hasRemoval();
    const isWanted = events.createPublished && !bundle.record.autoRemove && !isLate && !force;
    if (!isWanted) this.#removeLog();
    const result = cleanup.result();
    await cleanup.removeNetwork(force);
    await cleanup.removeBundle(result, isLate);
    const told = events.createPublished ? result : undefined;
    this.#release(told);
    return told;
  }

  /**
   * As {@linkcode cleanUp}, while the shim may be alive. When it throws it is gone on with in the
   * background.
   */
  async cleanUpByForce(): Promise<DeleteResult | undefined> {
    try {
      return await this.cleanUp(true);
    } catch (error) {
      this.#goOnInBackground();
      throw error;
    }
  }

  /** A container that is run again goes on with its log. */
  #removeLog(): void {
    const { bundle, context } = this.#parts;
    if (!context.owner.keeps(bundle.id)) removeLog(bundle.record.log);
  }

  /**
   * Goes on with a removal that a client has asked for, and that has failed: the client will not remove
   * the directories of the container any more.
   */
  #goOnInBackground(): void {
    this.#parts.bundle.recordRemoval();
    this.cleanUpInBackground();
  }

  /** Treats the shim as dead and removes everything, with retries until it is gone. */
  cleanUpInBackground(): void {
    this.#parts.life.destroy();
    void this.#cleanUpUntilGone();
  }

  async #cleanUpUntilGone(): Promise<void> {
    if (this.#inBackground) return;
    this.#inBackground = true;
    const { bundle, context, life, lock } = this.#parts;
    const log = logFailuresOnce();
    for (const delay of backoff({ first: 100, most: 10_000 })) {
      {
        using _lock = await lock.acquire();
        if (life.phase === "gone") return;
        try {
          await this.cleanUp();
          return;
        } catch (error) {
          log("error", "container", "{id}: cleanup failed, will retry: {reason}", error, {
            id: bundle.id,
          });
        }
      }
      if (!await delay(context.stopping)) return;
    }
  }

  #release(result: DeleteResult | undefined): void {
    const { bundle, cgroup, context, life, processes } = this.#parts;
    // The last step that can fail: a removal that is asked for again goes on with it.
    context.owner.released(bundle);
    life.release(result);
    cgroup.stopMonitors();
    // Of a create that came to nothing no exit tells.
    const { id } = bundle;
    processes.release(
      new NotFoundError(`no container ${id}: its create was never finished`, { data: { id } }),
    );
  }
}
