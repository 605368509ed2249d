// SPDX-License-Identifier: MIT
import type { NetworkInfo } from "../../rpc/contract/schemas/network.ts";
import { describeNetwork } from "./addresses.ts";
import type { Conflists } from "./conflists.ts";
import type { NetworkRecords } from "./records.ts";

/** Returns the networks that containers can be attached to, ordered by name, with their containers. */
export function listNetworks(records: NetworkRecords, conflists: Conflists): NetworkInfo[] {
  const members = membersByNetwork(records);
  return [...records.networks()].sort(([a], [b]) => a < b ? -1 : 1).map(
    ([name, { conflist, file }]) => {
      const missing = conflists.missing(conflist);
      return {
        name,
        file,
        plugins: conflist.plugins.map(({ type }) => type),
        missing,
        ...(missing.length === 0 ? {} : { reason: conflists.describeMissing(missing) }),
        containers: members.get(name) ?? [],
      };
    },
  );
}

/** Returns the containers in each network, by its name and ordered by id. */
function membersByNetwork(records: NetworkRecords): Map<string, NetworkInfo["containers"]> {
  const members = [...records.all()].flatMap((record) => {
    const { id, instance } = record;
    return describeNetwork(record, records.paths(instance).namespace).interfaces
      .map(({ network, interface: name, addresses }) => ({
        network,
        member: { id, interface: name, addresses },
      }));
  }).sort((a, b) => a.member.id < b.member.id ? -1 : 1);
  const groups = Map.groupBy(members, ({ network }) => network);
  return new Map(
    [...groups].map(([network, group]) => [network, group.map(({ member }) => member)]),
  );
}
