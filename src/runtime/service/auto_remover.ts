// SPDX-License-Identifier: MIT
import { failpointAsync } from "../../failpoint.ts";
import { isFifoRead } from "../../linux/fd/fifo.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import type { ManagedContainer } from "../container/managed_container.ts";
import { backoff } from "../../linux/event_loop/backoff.ts";
import { logFailuresOnce } from "../util/log_failure.ts";

/** How a container is removed, and which ones are not. */
export interface AutoRemoverOptions {
  /** Returns whether the container has exited only to run again. */
  readonly runsAgain: (id: string) => boolean;
  readonly remove: (id: string, instance: string) => Promise<unknown>;
  /** Aborted when the daemon stops. */
  readonly stopping: AbortSignal;
}

/** Removes containers that have exited and are not to be kept. */
export class AutoRemover {
  readonly #options: AutoRemoverOptions;
  readonly #instances = new Set<string>();

  constructor(options: AutoRemoverOptions) {
    this.#options = options;
  }

  /** Removes the container, if it is one of these. It has exited, or does so in this turn. */
  removeIfDue(container: ManagedContainer): void {
    const { autoRemove, instance } = container.bundle.record;
    if (!autoRemove || this.#instances.has(instance)) return;
    this.#instances.add(instance);
    void this.#remove(container).finally(() => this.#instances.delete(instance));
  }

  async #remove({ id, bundle: { record } }: ManagedContainer): Promise<void> {
    const { runsAgain, remove, stopping } = this.#options;
    if (runsAgain(id)) return;
    await failpointAsync("autoremove.begin");
    if (!await unread(record.stdio, stopping)) return;
    const log = logFailuresOnce();
    for (const delay of backoff({ first: 100, most: 10_000 })) {
      try {
        await remove(id, record.instance);
        return;
      } catch (error) {
        if (error instanceof NotFoundError) return;
        log("warn", "container", "{id}: cannot remove it yet: {reason}", error, { id });
      }
      if (!await delay(stopping)) return;
    }
  }
}

/** Waits until no reader of the output is left, which would lose the rest; false if aborted. */
async function unread(
  { stdout, stderr }: { readonly stdout: string; readonly stderr: string },
  signal: AbortSignal,
): Promise<boolean> {
  for (const delay of backoff({ first: 20, most: 500 })) {
    if (![stdout, stderr].some((path) => path.startsWith("/") && isFifoRead(path))) break;
    if (!await delay(signal)) return false;
  }
  return !signal.aborted;
}
