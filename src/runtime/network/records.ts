// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { dirEntries } from "../../linux/fs/dir_entries.ts";
import { exists } from "../../linux/fs/exists.ts";
import { leasesOf, ownersBelow } from "../../network/host_local.ts";
import type { NetworkPaths, NetworkRecord } from "../../network/record.ts";
import { containerIdOf, instanceOf, networkPaths, readRecord } from "../../network/record.ts";
import { isPinned } from "../../network/tear_down.ts";
import { networkParams } from "../../rpc/contract/schemas/network.ts";
import { logFailure } from "../util/log_failure.ts";
import type { Conflists, KnownNetwork } from "./conflists.ts";
import { recordOfLost } from "./lost_record.ts";
import { type NetworkPlan, planNetwork } from "./plan.ts";

/** The container that a network belongs to. */
export interface NetworkOwner {
  readonly instance: string;
  /** The container's id; undefined if it is not known. */
  readonly id?: string | undefined;
  /** The params of its network, for when the record cannot be read. */
  readonly network?: unknown;
  /** Whether the container may be run again, and then gets the addresses that it has. */
  readonly again?: boolean;
}

/**
 * The records of the networks below one directory, each in a directory named after the container's
 * instance, and the networks that are there by them.
 */
export class NetworkRecords {
  readonly #dir: string;
  readonly #conflists: Conflists;
  /** The networks that are there, by the container's instance. */
  readonly #made = new Map<string, NetworkRecord>();
  /** Instances without a record that had an address when the daemon started. */
  readonly #lost = new Set<string>();

  constructor(dir: string, conflists: Conflists) {
    this.#dir = dir;
    this.#conflists = conflists;
  }

  /** Returns the files of the network of an instance. */
  paths(instance: string): NetworkPaths {
    return networkPaths(`${this.#dir}/${instance}`);
  }

  /** Notes that the network of a record is there. */
  add(record: NetworkRecord): void {
    this.#made.set(record.instance, record);
  }

  /** Forgets the network of an instance. */
  delete(instance: string): void {
    this.#made.delete(instance);
    this.#lost.delete(instance);
  }

  /**
   * Finds networks whose record is gone by the addresses that `host-local` keeps: those of the containers
   * that are there, and in the network that berth brings those of any.
   */
  findLost(owners: Iterable<NetworkOwner>): void {
    // An unreadable file keeps no daemon from starting.
    const find = (instance: string, hasLease: () => boolean) => {
      try {
        const isLost = !exists(this.paths(instance).record) && hasLease();
        if (isLost) this.#lost.add(instance);
      } catch (error) {
        logFailure("error", "network", "{instance}: cannot look for its network: {reason}", error, {
          instance,
        });
      }
    };
    for (const owner of owners) {
      const { instance, network } = owner;
      if (network === undefined) continue;
      const id = containerIdOf(instance);
      find(instance, () => {
        const plans = this.#planOf(owner)?.attachments ?? [];
        return plans.some(({ conflist }) => leasesOf(conflist, id).length > 0);
      });
    }
    for (const id of this.#ownersOfBridge()) {
      const instance = instanceOf(id);
      if (instance !== undefined) find(instance, () => true);
    }
  }

  #ownersOfBridge(): string[] {
    const dir = this.#conflists.leases;
    try {
      return ownersBelow(dir);
    } catch (error) {
      logFailure("error", "network", "{dir}: cannot look for lost networks: {reason}", error, {
        dir,
      });
      return [];
    }
  }

  /** Returns the record of the network that an instance has; undefined if it has none. */
  get(instance: string): NetworkRecord | undefined {
    return this.#made.get(instance);
  }

  /** Returns the records of the networks that are there. */
  all(): Iterable<NetworkRecord> {
    return this.#made.values();
  }

  /**
   * Lists the instances that have something of a network on disk, or {@linkcode findLost} has found. What
   * else is there is logged.
   */
  instances(): string[] {
    const files = dirEntries(this.#dir);
    const strays = files.filter(({ isDirectory }) => !isDirectory).map(({ name }) => name);
    if (strays.length > 0) {
      getLogger(["berth", "network"]).error(
        "{dir} has files that are no network of a container: {strays}",
        {
          dir: this.#dir,
          strays: strays.join(", "),
        },
      );
    }
    const names = files.filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
    return [...new Set([...names, ...this.#lost])];
  }

  /** Returns every network that containers can be attached to, or are, by its name. */
  networks(): Map<string, KnownNetwork> {
    return this.#conflists.all(
      [...this.all()].flatMap(({ attachments }) => attachments.map((one) => one.conflist)),
    );
  }

  /** Returns the record that is on disk; undefined where it cannot be read. */
  peek(instance: string): NetworkRecord | undefined {
    try {
      return readRecord(this.paths(instance));
    } catch {
      // The error is logged where the record is read.
      return undefined;
    }
  }

  /** Reads a record. Of one that cannot be read, returns what else is known of the network. */
  read(owner: NetworkOwner): NetworkRecord | undefined {
    const { instance, id = instance } = owner;
    const paths = this.paths(instance);
    try {
      const record = readRecord(paths);
      // The record is written before the namespace is pinned, and goes after it.
      const isMissing = record === undefined &&
        (isPinned(paths) || this.#made.has(instance) || this.#lost.has(instance));
      if (!isMissing) return record;
      throw new Error(`${paths.record} is missing`);
    } catch (error) {
      logFailure(
        "error",
        "network",
        "{id}: cannot read the record of its network, using other traces of it: {reason}",
        error,
        { id },
      );
    }
    const made = this.#made.get(instance);
    if (made !== undefined) return { ...made, removing: "begun" };
    return recordOfLost({
      id,
      instance,
      namespace: paths.namespace,
      plan: this.#planOf(owner),
      networks: [...this.networks().values()].map(({ conflist }) => conflist),
    });
  }

  /** Returns the network that a container was to get; undefined if it is not known any more. */
  #planOf({ instance, id = instance, network }: NetworkOwner): NetworkPlan | undefined {
    if (network === undefined) return undefined;
    try {
      return planNetwork(networkParams.parse(network), {
        id,
        instance,
        hostname: id,
        find: (name, ports) => this.#conflists.find(name, ports, id),
      });
    } catch (error) {
      logFailure(
        "error",
        "network",
        "{id}: cannot tell its network from its parameters: {reason}",
        error,
        { id },
      );
      return undefined;
    }
  }
}
