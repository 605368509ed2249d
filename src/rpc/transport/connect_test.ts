// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Connection } from "../peer/peer.ts";
import { connectSocket } from "./connect.ts";

/** A connection that only tells whether it was closed. */
class ClosableConnection implements Connection {
  isClosed = false;
  read(): Promise<number | null> {
    return Promise.resolve(null);
  }
  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(bytes.length);
  }
  close(): void {
    this.isClosed = true;
  }
}

Deno.test("connectSocket: a connection that comes when it is given up is closed", async () => {
  const controller = new AbortController();
  const connection = new ClosableConnection();
  const open = () => {
    controller.abort(new Error("stop"));
    return Promise.resolve(connection);
  };
  const { signal } = controller;
  await assert.rejects(connectSocket("a daemon", open, { signal }), /^Error: stop$/);
  assert.ok(connection.isClosed);
  const kept = new ClosableConnection();
  assert.equal(await connectSocket("a daemon", () => Promise.resolve(kept)), kept);
  assert.ok(!kept.isClosed);
});

Deno.test("connectSocket: one that is busy is tried again, until the time or the caller's patience is over", async () => {
  const busy = () => Promise.reject(Object.assign(new Error("busy"), { code: "EAGAIN" }));
  let tries = 0;
  const connection = new ClosableConnection();
  const third = () => ++tries < 3 ? busy() : Promise.resolve(connection);
  assert.equal(await connectSocket("a daemon", third), connection);
  assert.equal(tries, 3);
  await assert.rejects(connectSocket("a daemon", busy, { timeoutMs: 30 }), {
    kind: "DeadlineExceeded",
  });
  tries = 0;
  const first = () => {
    tries++;
    return busy();
  };
  await assert.rejects(connectSocket("a daemon", first, { timeoutMs: 0 }), {
    kind: "DeadlineExceeded",
  });
  assert.equal(tries, 1);
});
