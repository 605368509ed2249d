// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../tests/harness/poll.ts";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import type { RemoteEnd } from "../rpc/peer/handler.ts";
import { Server } from "../rpc/transport/server.ts";
import { isRecord } from "../rpc/is_record.ts";
import type { Event } from "./daemon_types.ts";
import { EventStream, type StreamedEvent } from "./events.ts";

/** So many events are taken ahead of the reader. */
const HELD = 10_000;

function event(seq: number): Event {
  const timestamp = new Date(0).toISOString();
  return { seq, timestamp, runtime: "linux", type: "start", id: "a", instance: "i", pid: 1 };
}

/** What a daemon does that is asked for the events after `after`; its answer to the subscription. */
type Subscribe = (after: number | undefined, peer: RemoteEnd) => object;

/** Listens as a daemon would that has nothing but events; calls `use` with its socket. */
async function withDaemon(subscribe: Subscribe, use: (path: string) => Promise<void>) {
  using temp = new TempDir();
  const dir = temp.path;
  await using _server = await Server.listen(`${dir}/s`, {
    onError: console.error,
    handlers: {
      "events.subscribe": (params, { peer }) => {
        const after = isRecord(params) ? params.after : undefined;
        return subscribe(typeof after === "number" ? after : undefined, peer);
      },
    },
  });
  await use(`${dir}/s`);
}

/** Tells the events from `first` to `last`, right behind the answer. */
function tell(peer: RemoteEnd, first: number, last: number): void {
  queueMicrotask(() => {
    for (let seq = first; seq <= last; seq++) {
      peer.notify("events.event", { subscription: "s1", event: event(seq) });
    }
  });
}

async function read(stream: EventStream, count: number): Promise<StreamedEvent[]> {
  const events: StreamedEvent[] = [];
  for await (const one of stream) if (events.push(one) === count) break;
  return events;
}

Deno.test("EventStream: a reader that does not keep up gets every event once, and few are held for it", async () => {
  const latest = 50_000;
  const asked: unknown[] = [];
  let left = 0;
  await withDaemon((after = latest, peer) => {
    asked.push(after);
    void peer.closed.then(() => left++);
    tell(peer, after + 1, latest);
    return { subscription: "s1", oldest: 1, latest, gap: false };
  }, async (path) => {
    const stream = new EventStream(path, { after: 0 });
    await until("the stream has taken all that it holds", () => left === 1);
    const events = await read(stream, latest);
    assert.deepEqual(events.map(({ seq }) => seq), Array.from({ length: latest }, (_, i) => i + 1));
    assert(events.every(({ gap }) => gap === undefined));
  });
  assert.deepEqual(asked.slice(0, 2), [0, HELD]);
});

Deno.test("EventStream: after a lost connection the stream goes on behind the last event", async () => {
  const asked: unknown[] = [];
  await withDaemon((after, peer) => {
    asked.push(after);
    const first = (after ?? 7) + 1;
    tell(peer, first, first + 1);
    peer.drain().then(() => setTimeout(() => peer.close(), 50));
    return { subscription: "s1", oldest: 1, latest: first - 1, gap: false };
  }, async (path) => {
    const events = await read(new EventStream(path), 6);
    assert.deepEqual(events.map(({ seq }) => seq), [8, 9, 10, 11, 12, 13]);
  });
  assert.deepEqual(asked.slice(0, 3), [undefined, 9, 11]);
});

Deno.test("EventStream: an event that is told twice is given once", async () => {
  await withDaemon((_after, peer) => {
    tell(peer, 1, 2);
    tell(peer, 1, 3);
    return { subscription: "s1", oldest: 1, latest: 0, gap: false };
  }, async (path) => {
    const events = await read(new EventStream(path, { after: 0 }), 3);
    assert.deepEqual(events.map(({ seq }) => seq), [1, 2, 3]);
  });
});

Deno.test("EventStream: a daemon whose journal was wiped is followed from its beginning, with a gap", async () => {
  await withDaemon((after = 0, peer) => {
    const wiped = after > 3;
    tell(peer, wiped ? 1 : after + 1, 3);
    return { subscription: "s1", oldest: 1, latest: 3, gap: wiped };
  }, async (path) => {
    const events = await read(new EventStream(path, { after: 1000 }), 3);
    assert.deepEqual(events.map(({ seq, gap }) => [seq, gap]), [[1, true], [2, undefined], [
      3,
      undefined,
    ]]);
  });
});
