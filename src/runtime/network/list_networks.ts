// SPDX-License-Identifier: MIT
import type { NetworkInfo } from "../../rpc/contract/network/schemas.ts";
import { networkState } from "./addresses.ts";
import type { Conflists } from "./conflists.ts";
import type { NetworkRecords } from "./records.ts";

/** Returns the networks that containers can be attached to, ordered by name, with their containers. */
export function listNetworks(records: NetworkRecords, conflists: Conflists): NetworkInfo[] {
  return [...records.networks()].sort(([a], [b]) => a < b ? -1 : 1).map(
    ([name, { conflist, file }]) => {
      const missing = conflists.missing(conflist);
      return {
        name,
        ...(file === undefined ? {} : { file }),
        plugins: conflist.plugins.map(({ type }) => type),
        missing,
        ...(missing.length === 0 ? {} : { reason: conflists.describeMissing(missing) }),
        containers: membersOf(name, records),
      };
    },
  );
}

/** Returns the containers in a network, ordered by id. */
function membersOf(network: string, records: NetworkRecords): NetworkInfo["containers"] {
  const members = [...records.all()].flatMap((record) => {
    const { id, instance } = record;
    return networkState(record, records.paths(instance).namespace).interfaces
      .filter((one) => one.network === network)
      .map(({ interface: name, addresses }) => ({ id, interface: name, addresses }));
  });
  return members.sort((a, b) => a.id < b.id ? -1 : 1);
}
