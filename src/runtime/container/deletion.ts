// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import type { DeleteResult } from "../../rpc/contract/schemas.ts";
import { backoff } from "../util/backoff.ts";
import type { ContainerParts } from "./parts.ts";

/**
 * The ways in which a container goes, with and without its shim's help, and whether it is gone.
 * Callers hold the container's lock; what goes on in the background takes it by itself.
 */
export class ContainerDeletion {
  readonly #parts: ContainerParts;
  #forgotten = false;

  constructor(parts: ContainerParts) {
    this.#parts = parts;
  }

  /** Whether the container is gone and its id free. */
  get isReleased(): boolean {
    return this.#forgotten;
  }

  /**
   * Removes what is left once the shim has no container any more: the shim and the bundle.
   *
   * @throws {FailedPreconditionError} if that cannot be done yet; it may be tried again.
   */
  async finish(): Promise<DeleteResult> {
    const { connection, cleanup } = this.#parts;
    await connection.detach();
    await cleanup.removeBundle();
    this.release();
    return cleanup.result();
  }

  /**
   * Removes everything after the shim has died, or so that it dies. Each step may be repeated.
   *
   * @throws {BerthError} if the runtime fails, and whatever else stands in the way.
   */
  async removeAll(): Promise<DeleteResult> {
    const { cleanup, context } = this.#parts;
    await cleanup.destroy();
    await cleanup.removeBundle();
    context.onCleanup();
    this.release();
    return cleanup.result();
  }

  /**
   * As {@linkcode removeAll}, while the shim may be alive. When it throws it is gone on with in the
   * background.
   */
  async removeByForce(): Promise<DeleteResult> {
    this.#parts.connection.close();
    try {
      return await this.removeAll();
    } catch (error) {
      this.removeInBackground();
      throw error;
    }
  }

  /** Takes the shim for dead and removes everything, again and again until it is gone. */
  removeInBackground(): void {
    this.#parts.connection.markDead();
    void this.#removeUntilGone();
  }

  async #removeUntilGone(): Promise<void> {
    const { bundle, context, lock } = this.#parts;
    for (const delay of backoff({ first: 100, most: 10_000 })) {
      {
        using _lock = await lock.acquire();
        if (this.#forgotten) return;
        try {
          await this.removeAll();
          return;
        } catch (error) {
          getLogger(["berth", "container"]).error("{id}: cannot clean up, trying again: {reason}", {
            id: bundle.id,
            reason: error instanceof Error ? error.message : String(error),
          });
        }
      }
      if (!await delay(context.stopping)) return;
    }
  }

  /** Takes note that the container is gone. */
  release(): void {
    const { bundle, cgroup, context } = this.#parts;
    this.#forgotten = true;
    cgroup.stopMonitors();
    context.onReleased(bundle);
  }
}
