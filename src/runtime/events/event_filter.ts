// SPDX-License-Identifier: MIT
import type { Event, EventType } from "../../rpc/contract/schemas.ts";
import { hasLabels } from "../labels.ts";

/** Which events a reader wants; as in `events.subscribe`. */
export interface EventFilter {
  /** Only events of these containers; a rename is one of both ids. */
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
  const concerns = ({ id, newId }: Event) =>
    ids === undefined || ids.has(id) || (newId !== undefined && ids.has(newId));
  return (event) => {
    const { type, labels = {} } = event;
    return concerns(event) && (types?.has(type) ?? true) &&
      (wanted === undefined || hasLabels(labels, wanted));
  };
}
