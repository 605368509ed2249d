// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Peer } from "./peer.ts";
import { ignore, memoryPair } from "./peer_testing.ts";
import { RunningCall } from "./running_call.ts";

Deno.test("RunningCall: a signal that is asked for after the abort is aborted, with the first reason", () => {
  const [near] = memoryPair();
  using peer = new Peer(near, { onError: ignore });
  const call = new RunningCall(peer);
  for (const reason of ["canceled", "closed"]) call.abort(reason);
  assert.equal(call.signal.reason, "canceled");
  assert.equal(call.signal, call.signal);
});
