// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import type { Handlers } from "../../rpc/peer/handler.ts";
import { Server } from "../../rpc/transport/server.ts";
import { PROTOCOL } from "../../version.ts";
import { Bundle } from "../bundle/bundle.ts";
import { plainRecord } from "../definitions/definition_testing.ts";
import { type FoundShim, ShimManager } from "./shim_manager.ts";

/** Finds shims that are there, which is all that these tests need. */
class FindingShimManager extends ShimManager {
  readonly idle = 0;
  protected override serve(): Promise<number> {
    throw new Error("no shim is started");
  }
  protected override leave(): Promise<void> {
    throw new Error("no shim is left");
  }
  override async kill(): Promise<void> {}
  override async [Symbol.asyncDispose](): Promise<void> {}
}

/** Connects to a shim that answers by `handlers`. */
async function connectTo(
  handlers: Handlers,
  body: (connecting: Promise<FoundShim>, connected: readonly number[]) => Promise<void>,
): Promise<void> {
  using temp = new TempDir();
  const bundle = Bundle.of(temp.path, plainRecord("web", "i1"));
  await using _shim = await Server.listen(bundle.paths.shimSocket, { handlers, onError() {} });
  await using shims = new FindingShimManager({ answer: 2_000, runtime: 2_000 });
  const connected: number[] = [];
  const listener = { event() {}, connected: ({ pid }: { pid: number }) => connected.push(pid) };
  const { signal } = new AbortController();
  await body(shims.connect(bundle, listener, { after: 7, signal }), connected);
}

Deno.test("ShimManager.connect: asks the shim for all that it has to know at once", async () => {
  // Each call is answered when all three have come.
  const all = Promise.withResolvers<void>();
  const asked = new Map<string, unknown>();
  const answer = (method: string, result: unknown): Handlers => ({
    [method]: async (params: unknown) => {
      if (asked.set(method, params).size === 3) all.resolve();
      await all.promise;
      return result;
    },
  });
  const handlers = {
    ...answer("shim.connect", { pid: 42, version: "1", protocol: PROTOCOL, instance: "i1" }),
    ...answer("shim.events", { latest: 7 }),
    ...answer("shim.state", { status: "running", pid: 43, processes: [] }),
  };
  await connectTo(handlers, async (connecting, connected) => {
    using client = (await connecting).client;
    assert.deepEqual(connected, [42]);
    assert.equal((await connecting).state.pid, 43);
    assert.deepEqual(asked.get("shim.events"), { after: 7 });
    assert.ok(client);
  });
});

Deno.test("ShimManager.connect: a shim of another protocol is told by that, whatever else it answers", async () => {
  const handlers = {
    "shim.connect": () => ({ pid: 42, version: "9", protocol: PROTOCOL + 1, instance: "i1" }),
  };
  await connectTo(handlers, async (connecting, connected) => {
    await assert.rejects(
      connecting,
      (error) => error instanceof FailedPreconditionError && /speaks protocol/.test(error.message),
    );
    assert.deepEqual(connected, []);
  });
});
