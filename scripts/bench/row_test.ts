// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Engine, EngineName } from "./engine.ts";
import { inTurn } from "./row.ts";

const nothing = () => Promise.resolve();

function engine(name: EngineName): Engine {
  return {
    name,
    version: name,
    create: () => Promise.resolve(1),
    start: nothing,
    wait: nothing,
    delete: nothing,
    exec: nothing,
    deleteExec: nothing,
    kill: nothing,
  };
}

Deno.test("inTurn: samples are taken in turn and the warm-up does not count", async () => {
  const order: string[] = [];
  const samples = await inTurn(
    [engine("berth"), engine("containerd")],
    { count: 2, warmUp: 1 },
    ({ name }) => Promise.resolve(order.push(name)),
  );
  assert.deepEqual(order, ["berth", "containerd", "berth", "containerd", "berth", "containerd"]);
  assert.deepEqual(samples, { berth: [3, 5], containerd: [4, 6] });
});
