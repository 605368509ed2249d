// SPDX-License-Identifier: MIT
import { BerthError } from "../../rpc/errors.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import type { Stats } from "../../rpc/contract/stats_schema.ts";
import type { DaemonConnection } from "./daemon.ts";
import { listAllContainers } from "./containers.ts";
import { type Usage, usageOf } from "./usage.ts";

/** Samples containers' figures, keeping the last of each so that rates can be told. */
export class Sampler {
  readonly #daemon: DaemonConnection;
  readonly #ids: readonly string[];
  #last: ReadonlyMap<string, Stats> | undefined;
  #states: ReadonlyMap<string, ContainerState["status"]> = new Map();

  /** @param ids The containers; empty for all that run. */
  constructor(daemon: DaemonConnection, ids: readonly string[]) {
    this.#daemon = daemon;
    this.#ids = ids;
  }

  /** The status of each container at the last sample; empty where ids were given. */
  get states(): ReadonlyMap<string, ContainerState["status"]> {
    return this.#states;
  }

  /**
   * Returns the usage of each container now; waits for a daemon that is away. A container that is gone is
   * left out, but one that was asked for by id must be there at the first sample.
   */
  async sample(): Promise<Usage[]> {
    const before = this.#last;
    const latest = new Map<string, Stats>();
    const stopped = new Set<string>();
    const ids = this.#ids.length > 0 ? this.#ids : await this.#list();
    await Promise.all(ids.map(async (id) => {
      try {
        latest.set(id, await this.#daemon.callAcrossRestarts("container.stats", { id }));
      } catch (error) {
        if (!(error instanceof BerthError)) throw error;
        if (error.kind === "FailedPrecondition") stopped.add(id);
        else if (error.kind !== "NotFound" || (!before && this.#ids.length > 0)) throw error;
      }
    }));
    this.#last = latest;
    return ids.flatMap((id): Usage[] => {
      const stats = latest.get(id);
      if (stats) return [usageOf(id, before?.get(id), stats)];
      return stopped.has(id) && this.#ids.length > 0 ? [{ id, stopped: true }] : [];
    });
  }

  /** Returns the ids of all that have not stopped. */
  async #list(): Promise<string[]> {
    const containers = await listAllContainers(this.#daemon, "callAcrossRestarts");
    this.#states = new Map(containers.map(({ id, status }) => [id, status]));
    return containers.filter(({ status }) => status !== "stopped").map(({ id }) => id).sort();
  }
}
