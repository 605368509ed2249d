// SPDX-License-Identifier: MIT
import type { Event, EventType } from "../../rpc/contract/schemas.ts";
import { hasLabels } from "../labels.ts";

/** Which events a reader wants; as in `events.subscribe`. */
export interface EventFilter {
  /** Only events of these containers. */
  readonly ids?: readonly string[] | undefined;
  /** Only events of these types. */
  readonly types?: readonly EventType[] | undefined;
  /** Only events of containers that have all these labels. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Returns whether an event passes the filter, as a function of the event. */
export function eventFilter(filter: EventFilter): (event: Event) => boolean {
  const ids = filter.ids && new Set(filter.ids);
  const types = filter.types && new Set(filter.types);
  const wanted = filter.labels;
  return ({ id, type, labels = {} }) =>
    (ids?.has(id) ?? true) && (types?.has(type) ?? true) &&
    (wanted === undefined || hasLabels(labels, wanted));
}
