// SPDX-License-Identifier: MIT
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParsedParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { Event } from "../../rpc/contract/schemas.ts";
import { MAX_PAGE_TEXT } from "../../rpc/contract/limits.ts";
import { eventFilter } from "./event_filter.ts";
import { isLost } from "./event_subscriber.ts";
import type { Journal } from "./journal.ts";

/** Number of events that are read at a time. */
const BATCH = 256;
/** Maximum number of events that one call reads, those that the filter rejects included. */
const MAX_READ = 20_000;
/** Number of events on a page unless the caller asks for another. */
const DEFAULT_LIMIT = 1000;

/** Returns the page of events that the params of `events.read` ask for. */
export function readEvents(
  journal: Pick<Journal, "oldest" | "latest" | "read">,
  params: ParsedParamsOf<DaemonContract, "events.read">,
): ResultOf<DaemonContract, "events.read"> {
  const { after = 0, limit = DEFAULT_LIMIT } = params;
  const { oldest, latest } = journal;
  const wants = eventFilter(params);
  // A greater number is of another journal: the one before the state directory was removed.
  const foreign = after > latest;
  const gap = foreign || (params.after !== undefined && isLost(after, oldest, latest));
  const events: Event[] = [];
  let next = foreign ? 0 : Math.max(after, oldest - 1);
  let size = 0;
  for (let read = 0; read < MAX_READ && next < latest; read += BATCH) {
    const batch = journal.read(next, BATCH);
    // The rest of the journal is damaged.
    if (batch.length === 0) next = latest;
    for (const event of batch) {
      if (events.length >= limit || size > MAX_PAGE_TEXT) {
        return { events, next, oldest, latest, gap };
      }
      next = event.seq;
      if (!wants(event)) continue;
      events.push(event);
      size += JSON.stringify(event).length;
    }
  }
  return { events, next, oldest, latest, gap };
}
