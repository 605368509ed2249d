// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { processStat } from "../../linux/process/stat.ts";
import { surroundingsOf } from "./surroundings.ts";

Deno.test("surroundingsOf tells a nicer process from others, and fails for one that has ended", async () => {
  const sleeping = ["sleep", "1000"];
  const [first, second, nicer] = [[], [], ["nice", "-n", "5"]].map((before) => {
    const [command = "", ...args] = [...before, ...sleeping];
    return new Deno.Command(command, { args }).spawn();
  });
  assert.ok(first && second && nicer);
  const all = [first, second, nicer];
  try {
    await until("the commands", () => all.every(({ pid }) => processStat(pid)?.name === "sleep"));
    assert.equal(surroundingsOf(first.pid), surroundingsOf(second.pid));
    assert.notEqual(surroundingsOf(first.pid), surroundingsOf(nicer.pid));
  } finally {
    for (const child of all) child.kill("SIGKILL");
    await Promise.all(all.map(({ status }) => status));
  }
  assert.throws(() => surroundingsOf(first.pid));
});
