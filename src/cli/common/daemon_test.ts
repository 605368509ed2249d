// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import type { Event } from "../../rpc/contract/schemas.ts";
import type { RemoteEnd } from "../../rpc/peer/handler.ts";
import { Server } from "../../rpc/transport/server.ts";
import { DaemonConnection } from "./daemon.ts";

function event(seq: number): Event {
  const timestamp = new Date(0).toISOString();
  return { seq, timestamp, runtime: "linux", type: "start", id: "a", instance: "i", pid: 1 };
}

/** What a daemon sends that has the events 1 to 3, right behind the answer to a subscription. */
function subscribe(peer: RemoteEnd): object {
  queueMicrotask(() => {
    for (const seq of [1, 2, 3]) {
      peer.notify("events.event", { subscription: "s1", event: event(seq) });
    }
  });
  return { subscription: "s1", oldest: 1, latest: 3, gap: true };
}

Deno.test("DaemonConnection.follow tells what was asked for, whatever comes with the answer", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const told: unknown[] = [];
  const all = Promise.withResolvers<void>();
  await using _server = await Server.listen(`${dir}/s`, {
    onError: console.error,
    handlers: { "events.subscribe": (_, { peer }) => subscribe(peer) },
  });
  using daemon = await DaemonConnection.connect(`${dir}/s`);
  const listener = ({ seq }: Event) => {
    told.push(seq);
    if (seq === 3) all.resolve();
  };
  void daemon.follow({ after: 99 }, listener, (gap) => told.push(gap));
  await all.promise;
  assert.deepEqual(told, [{ after: 99, latest: 3 }, 1, 2, 3]);
});

Deno.test("DaemonConnection.follow rejects with what the listener throws, early or late", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  await using _server = await Server.listen(`${dir}/s`, {
    onError: console.error,
    handlers: {
      "events.subscribe": (_, { peer }) => subscribe(peer),
      "test.more": (_, { peer }) => {
        for (const seq of [4, 5]) {
          peer.notify("events.event", { subscription: "s1", event: event(seq) });
        }
        return {};
      },
    },
  });
  for (const last of [2, 4]) {
    using daemon = await DaemonConnection.connect(`${dir}/s`);
    const told: number[] = [];
    let more: Promise<unknown> | undefined;
    const listener = ({ seq }: Event) => {
      told.push(seq);
      if (seq === 3) more = daemon.peer.call("test.more", {});
      if (seq === last) throw new TypeError(`no ${seq}`);
    };
    const following = daemon.follow({ after: 0 }, listener, () => {});
    await assert.rejects(following, { name: "TypeError", message: `no ${last}` });
    await more;
    assert.equal(told.at(-1), last);
  }
});
