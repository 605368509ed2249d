// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TopScreen } from "./top_screen.ts";

const usages = ["a", "b", "c"].map((id, index) => ({
  id,
  cpuPercent: index,
  memoryBytes: 1024 * (3 - index),
  pids: 1,
}));
const states = new Map([["a", "running"], ["b", "running"], ["c", "paused"], ["d", "stopped"]]);

/** The lines that the screen shows at this size. */
function lines(screen: TopScreen, rows = 24, columns = 80): string[] {
  const text = screen.draw(usages, states, { rows, columns }, new Date(0));
  // deno-lint-ignore no-control-regex -- what moves the cursor
  return text.replaceAll(/\x1b\[[0-9;]*[A-Za-z]/g, "").split("\r\n");
}

const order = (shown: string[]) =>
  shown.slice(3).map((line) => /^([abc]) +(?:running|paused)/.exec(line)?.[1]).filter((id) =>
    id !== undefined
  );

Deno.test("TopScreen: the screen has totals, a status, and its keys at the bottom", () => {
  const shown = lines(new TopScreen());
  assert.equal(shown.length, 24);
  assert.match(
    shown[0] ?? "",
    /^berth: 2 running, 1 paused, 1 stopped {3}CPU 3\.0% {2}MEM 6KiB/,
  );
  assert.match(shown[2] ?? "", /^ID +STATUS +CPU %/);
  assert.match(shown[3] ?? "", /^c +paused +2\.0/);
  assert.match(shown[23] ?? "", /q quit +by cpu +\d\d:\d\d:\d\d$/);
});

Deno.test("TopScreen: keys sort, scroll and leave", () => {
  const screen = new TopScreen();
  assert.deepEqual(order(lines(screen)), ["c", "b", "a"]);
  assert.equal(screen.type("m"), "stay");
  assert.deepEqual(order(lines(screen)), ["a", "b", "c"]);
  screen.type("\x1b[B\x1b[B");
  assert.deepEqual(order(lines(screen, 6)), ["c"]);
  screen.type("\x1b[5~");
  assert.deepEqual(order(lines(screen, 6)), ["a"]);
  assert.equal(screen.type("xq"), "quit");
  assert.equal(screen.type("\x03"), "quit");
});

Deno.test("TopScreen: nothing is wider or higher than the screen", () => {
  for (const [rows, columns] of [[24, 80], [10, 40], [5, 20], [2, 10]] as const) {
    const shown = lines(new TopScreen(), rows, columns);
    assert.ok(shown.length <= rows);
    for (const line of shown) assert.ok([...line].length <= columns, line);
  }
});
