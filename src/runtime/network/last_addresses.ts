// SPDX-License-Identifier: MIT
import type { NetworkRecord } from "../../network/record.ts";
import { tryReadJson, writeJsonAtomic } from "../../oci/json_file.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { logFailure } from "../util/log_failure.ts";
import { addressesByNetwork, type NetworkAddresses } from "./addresses.ts";
import type { NetworkOwner } from "./records.ts";

/** Number of containers whose addresses are kept. */
const MAX_CONTAINERS = 1000;

/**
 * The addresses that stopped containers had last, by id, in a file: a container that is run again gets
 * them if they are free.
 */
export class LastAddresses {
  readonly #path: string;
  readonly #max: number;
  #byId: Map<string, NetworkAddresses> | undefined;

  constructor(path: string, max = MAX_CONTAINERS) {
    this.#path = path;
    this.#max = max;
  }

  /** Returns the addresses that a container had last; undefined if it is not known. */
  get(id: string): NetworkAddresses | undefined {
    return this.#load().get(id);
  }

  /** Keeps the addresses of a container. Of too many the oldest are forgotten. */
  set(id: string, addresses: NetworkAddresses): void {
    const byId = this.#load();
    byId.delete(id);
    byId.set(id, addresses);
    const [oldest] = byId.keys();
    if (byId.size > this.#max && oldest !== undefined) byId.delete(oldest);
    this.#write(byId);
  }

  /** Forgets a container. */
  delete(id: string): void {
    const byId = this.#load();
    if (byId.delete(id)) this.#write(byId);
  }

  /**
   * Keeps the addresses of a container that may be run again, and forgets those of any other. A failure
   * to write them is logged only: the container gets other addresses then.
   */
  keep(owner: NetworkOwner, record: NetworkRecord | undefined): void {
    const { instance, id = instance } = owner;
    orLog(id, () => {
      if (owner.again !== true) return this.delete(id);
      const addresses = record === undefined ? undefined : addressesByNetwork(record);
      if (addresses !== undefined) this.set(id, addresses);
    });
  }

  /** Moves the addresses of a stopped container to its new id. A failure is logged only. */
  rename(from: string, to: string): void {
    orLog(to, () => {
      const addresses = this.get(from);
      if (addresses === undefined) return;
      this.set(to, addresses);
      this.delete(from);
    });
  }

  #write(byId: ReadonlyMap<string, NetworkAddresses>): void {
    // Pairs: an object does not keep the order of keys that look like integers.
    const containers = [...byId].map(([id, addresses]) => [id, Object.fromEntries(addresses)]);
    writeJsonAtomic(this.#path, { containers });
  }

  #load(): Map<string, NetworkAddresses> {
    this.#byId ??= read(this.#path);
    return this.#byId;
  }
}

function orLog(id: string, change: () => void): void {
  try {
    change();
  } catch (error) {
    const message = "{id}: cannot record its addresses: {reason}";
    logFailure("error", "network", message, error, { id });
  }
}

function read(path: string): Map<string, NetworkAddresses> {
  // Where it is damaged containers get other addresses.
  const { containers } = tryReadJson<{ readonly containers?: unknown }>(path) ?? {};
  const pairs: readonly unknown[] = Array.isArray(containers) ? containers : [];
  return new Map(pairs.filter(isPair).map(([id, networks]) => [id, addressesOf(networks)]));
}

function isPair(value: unknown): value is readonly [id: string, networks: unknown] {
  return Array.isArray(value) && typeof value[0] === "string";
}

function addressesOf(networks: unknown): NetworkAddresses {
  return new Map(
    Object.entries(isRecord(networks) ? networks : {}).map(([name, addresses]) => [
      name,
      Array.isArray(addresses) ? addresses.filter((one) => typeof one === "string") : [],
    ]),
  );
}
