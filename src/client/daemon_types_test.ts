// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type * as z from "zod";
import { daemonContract, eventNotification, statsNotification } from "../rpc/contract/daemon.ts";
import type { DaemonContract } from "../rpc/contract/daemon.ts";
import type { ParamsOf, ResultOf } from "../rpc/contract/method.ts";
import type * as schemas from "../rpc/contract/schemas.ts";
import type { Stats } from "../rpc/contract/stats_schema.ts";
import type * as types from "./daemon_types.ts";

type DeepReadonly<T> = T extends readonly (infer Item)[] ? readonly DeepReadonly<Item>[]
  : T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
  : T;

/** `true` where each can be put in the other's place, but for `readonly`. */
type Same<A, B> = [DeepReadonly<A>] extends [DeepReadonly<B>]
  ? [DeepReadonly<B>] extends [DeepReadonly<A>] ? true : false
  : false;

type SameMethods = {
  readonly [N in keyof DaemonContract]:
    & Same<types.DaemonMethods[N]["params"], ParamsOf<DaemonContract, N>>
    & Same<types.DaemonMethods[N]["result"], ResultOf<DaemonContract, N>>;
};

interface SameNamed {
  readonly state: Same<types.ContainerState, schemas.ContainerState>;
  readonly event: Same<types.Event, schemas.Event>;
  readonly stats: Same<types.Stats, Stats>;
  readonly notification: Same<
    types.EventNotification,
    z.output<typeof eventNotification["params"]>
  >;
  readonly tick: Same<types.StatsNotification, z.output<typeof statsNotification["params"]>>;
}

// What is tested here is that it passes the type check.
const NAMED: SameNamed = { state: true, event: true, stats: true, notification: true, tick: true };

const METHODS: SameMethods = {
  "daemon.info": true,
  "spec.default": true,
  "container.create": true,
  "container.start": true,
  "container.state": true,
  "container.list": true,
  "container.wait": true,
  "container.kill": true,
  "container.stop": true,
  "container.restart": true,
  "container.rename": true,
  "container.pause": true,
  "container.resume": true,
  "container.exec": true,
  "container.deleteProcess": true,
  "container.resizePty": true,
  "container.closeStdin": true,
  "container.pids": true,
  "container.stats": true,
  "container.listStats": true,
  "stats.subscribe": true,
  "stats.unsubscribe": true,
  "container.update": true,
  "container.checkpoint": true,
  "container.delete": true,
  "network.list": true,
  "events.subscribe": true,
  "events.read": true,
  "events.unsubscribe": true,
};

Deno.test("daemon types: the client's types are those of the contract, method for method", () => {
  assert.deepEqual(Object.keys(METHODS).sort(), Object.keys(daemonContract).sort());
  assert(Object.values(NAMED).every(Boolean) && eventNotification.name === "events.event");
});
