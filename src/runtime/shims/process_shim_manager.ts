// SPDX-License-Identifier: MIT
import { backoff } from "../../linux/event_loop/backoff.ts";
import { killIfSame } from "../../linux/process/process.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { FailedPreconditionError, UnavailableError } from "../../rpc/errors.ts";
import type { Bundle } from "../bundle/bundle.ts";
import type { ShimClient, ShimTimeouts } from "./shim_client.ts";
import type { ShimPool } from "./pool.ts";
import { type ConnectedShim, ShimManager } from "./shim_manager.ts";

/** Finds the shim of a container of this group, if one is connected. */
export type FindGroup = (group: string) => ConnectedShim | undefined;

/** Shims as processes of their own: one per container, or one per group of containers. */
export class ProcessShimManager extends ShimManager {
  readonly #pool: ShimPool;
  readonly #findGroup: FindGroup;

  constructor(pool: ShimPool, timeouts: ShimTimeouts, findGroup: FindGroup) {
    super(timeouts);
    this.#pool = pool;
    this.#findGroup = findGroup;
  }

  override get idle(): number {
    return this.#pool.idle;
  }

  protected override async serve(bundle: Bundle, adopt: boolean): Promise<number> {
    const { group } = bundle.record;
    const found = group === undefined ? undefined : this.#findGroup(group);
    if (found !== undefined) {
      try {
        await found.client.call("shim.serve", { bundle: bundle.paths.dir, adopt });
        return found.pid;
      } catch (error) {
        // The shim of a whole group has died: its connections end one after the other.
        if (!adopt || !(error instanceof UnavailableError)) throw error;
      }
    }
    return await this.#pool.serve(bundle.paths.dir, adopt);
  }

  protected override async leave(client: ShimClient, pid: number): Promise<void> {
    const { reused } = await client.call("shim.exit", { reuse: this.#pool.wants(pid) });
    if (reused) this.#pool.release(pid);
  }

  override async kill(bundle: Bundle): Promise<void> {
    await killShim(bundle);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }
}

/**
 * Kills the shim that the bundle's `shim.json` names and waits until it is gone. A pid from disk
 * proves nothing: nothing is signaled unless the process's start time is the recorded one.
 *
 * @throws {FailedPreconditionError} if it does not die.
 */
async function killShim(bundle: Bundle): Promise<void> {
  const record = bundle.shimRecord();
  // With no_shim the daemon serves the bundle itself.
  if (record === undefined || record.pid === Deno.pid) return;
  for (const delay of backoff({ first: 5, most: 100, attempts: 60 })) {
    if (!killIfSame(record.pid, record.startTime, SIGKILL)) return;
    await delay();
  }
  throw new FailedPreconditionError(
    `container ${bundle.id}: its shim (pid ${record.pid}) does not die of SIGKILL`,
    { data: { id: bundle.id } },
  );
}
