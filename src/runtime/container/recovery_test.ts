// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import type { ShimEvent, ShimState } from "../../rpc/contract/shim.ts";
import type { Handlers } from "../../rpc/peer/handler.ts";
import { Server } from "../../rpc/transport/server.ts";
import { PROTOCOL } from "../../version.ts";
import { Bundle } from "../bundle/bundle.ts";
import { loadConfig } from "../config/config.ts";
import { plainRecord } from "../definitions/definition_testing.ts";
import { Journal } from "../events/journal.ts";
import { EventPublisher } from "../events/publisher.ts";
import { combineMonitors } from "../monitors/monitor.ts";
import { ContainerNetworks } from "../network/networks.ts";
import { combineHooks } from "../observability/hooks.ts";
import { ShimManager } from "../shims/shim_manager.ts";
import { ContainerDeletion } from "./deletion.ts";
import { type ContainerParts, makeParts } from "./parts.ts";
import { ContainerRecovery } from "./recovery.ts";

const TIMEOUTS = { answer: 2_000, runtime: 2_000 };
const at = "2026-01-01T00:00:00.000Z";

function notHere(): never {
  throw new Error("not a part of this test");
}

/** Connects to shims that are there. */
class ConnectingShims extends ShimManager {
  readonly idle = 0;
  protected override serve = notHere;
  protected override leave = notHere;
  override kill = notHere;
  override async [Symbol.asyncDispose](): Promise<void> {}
}

/** Has a daemon that was started again find a container, which it knows to be created, and its shim. */
async function recover(handlers: Handlers): Promise<ContainerParts> {
  using temp = new TempDir();
  const { path } = temp;
  const { signal: stopping } = new AbortController();
  const config = loadConfig({ config: "/dev/null", state: path, root: path });
  using journal = Journal.open(`${path}/events`, { segment_bytes: 100_000, segments: 2 });
  using events = new EventPublisher(journal);
  using networks = new ContainerNetworks({ config, spawn: notHere, stopping });
  await using shims = new ConnectingShims(TIMEOUTS);
  const bundle = Bundle.create(`${path}/web`, plainRecord("web", "i1"), {});
  await using _shim = await Server.listen(bundle.paths.shimSocket, { handlers, onError() {} });
  const parts = makeParts(bundle, {
    config,
    owner: { keeps: () => false, service: notHere, cleanupPending: notHere, released: notHere },
    hierarchies: [],
    shims,
    events,
    networks,
    monitor: combineMonitors([]),
    hooks: combineHooks([]),
    timeouts: TIMEOUTS,
    stopping,
    runtimeOf: notHere,
  }, "connecting");
  parts.events.ingest(event(1, "create"));
  const recovery = new ContainerRecovery(parts, new ContainerDeletion(parts));
  await recovery.reconnect();
  assert.equal(parts.life.phase, "live");
  parts.life.client?.close();
  return parts;
}

function event(seq: number, type: ShimEvent["type"], more: Partial<ShimEvent> = {}): ShimEvent {
  return { seq, timestamp: at, type, pid: 7, ...more };
}

/** Answers all that a shim is asked at first; its state by `state`, which may send events before. */
function shim(state: (notify: (event: ShimEvent) => void) => Partial<ShimState>): Handlers {
  return {
    "shim.connect": () => ({ pid: 42, version: "1", protocol: PROTOCOL, instance: "i1" }),
    "shim.events": () => ({ latest: 1 }),
    "shim.state": (_, { peer }) => ({
      status: "running",
      pid: 7,
      processes: [],
      ...state((event) => peer.notify("shim.event", event)),
    }),
  };
}

Deno.test("ContainerRecovery: an exec that began while the shim was asked for its state is known", async () => {
  let asked = 0;
  const exec = { execId: "e", pid: 8 };
  const { processes } = await recover(shim((notify) => {
    if (++asked > 1) return { processes: [{ ...exec, status: "running" }] };
    // The state is that of a moment before.
    notify(event(2, "exec-added", exec));
    notify(event(3, "exec-started", exec));
    return {};
  }));
  assert.deepEqual([asked, processes.hasExec("e")], [2, true]);
});

Deno.test("ContainerRecovery: a shim without new events is asked once, one that always has some 21 times", async () => {
  let asked = 0;
  await recover(shim(() => {
    asked++;
    return {};
  }));
  assert.equal(asked, 1);
  asked = 0;
  await recover(shim((notify) => {
    notify(event(++asked + 1, "exec-added", { execId: `e${asked}`, pid: 8 }));
    return {};
  }));
  assert.equal(asked, 21);
});
