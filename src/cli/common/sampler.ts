// SPDX-License-Identifier: MIT
import { BerthError } from "../../rpc/errors.ts";
import type { Stats } from "../../rpc/stats_schema.ts";
import type { Daemon } from "./daemon.ts";
import { type Usage, usageOf } from "./usage.ts";

/** Samples containers' figures, keeping the last of each so that rates can be told. */
export class Sampler {
  readonly #daemon: Daemon;
  readonly #ids: readonly string[];
  #last = new Map<string, Stats>();

  /** `ids`: which containers; none: all that run. */
  constructor(daemon: Daemon, ids: readonly string[]) {
    this.#daemon = daemon;
    this.#ids = ids;
  }

  /**
   * What the containers use now. One that is gone or has stopped is left out, but one that was asked
   * for by id and is not there at the first sample is an error.
   */
  async sample(): Promise<Usage[]> {
    const first = this.#last.size === 0;
    const ids = this.#ids.length > 0 ? this.#ids : await this.#running();
    const latest = new Map<string, Stats>();
    await Promise.all(ids.map(async (id) => {
      try {
        latest.set(id, await this.#daemon.call("container.stats", { id }));
      } catch (error) {
        const gone = error instanceof BerthError &&
          (error.kind === "NotFound" || error.kind === "FailedPrecondition");
        if (!gone || (first && this.#ids.length > 0)) throw error;
      }
    }));
    const usages = ids.flatMap((id) => {
      const stats = latest.get(id);
      return stats ? [usageOf(id, this.#last.get(id), stats)] : [];
    });
    this.#last = latest;
    return usages;
  }

  async #running(): Promise<string[]> {
    const { containers } = await this.#daemon.call("container.list", {});
    return containers.filter(({ status }) => status !== "stopped").map(({ id }) => id).sort();
  }
}
