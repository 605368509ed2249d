// SPDX-License-Identifier: MIT
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParsedParamsOf } from "../../rpc/contract/method.ts";
import type { Event } from "../../rpc/contract/schemas.ts";
import { hasLabels } from "../labels.ts";

/** The params of `events.subscribe`: which events a subscriber receives. */
export type SubscriptionFilter = ParsedParamsOf<DaemonContract, "events.subscribe">;

/** Returns whether an event passes the filter, as a function of the event. */
export function eventFilter(
  filter: Omit<SubscriptionFilter, "after">,
): (event: Event) => boolean {
  const ids = filter.ids && new Set(filter.ids);
  const types = filter.types && new Set(filter.types);
  const wanted = filter.labels;
  // A rename is an event of both ids.
  const concerns = ({ id, newId }: Event) =>
    ids === undefined || ids.has(id) || (newId !== undefined && ids.has(newId));
  return (event) => {
    const { type, labels = {} } = event;
    return concerns(event) && (types?.has(type) ?? true) &&
      (wanted === undefined || hasLabels(labels, wanted));
  };
}
