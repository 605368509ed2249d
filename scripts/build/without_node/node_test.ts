// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as events from "node:events";
import * as util from "node:util";
import { EventEmitter, stripVTControlCharacters } from "./node.ts";

Deno.test("EventEmitter: as Node's, as far as commander uses it", () => {
  const told = [new EventEmitter(), new events.EventEmitter()].map((emitter) => {
    const calls: unknown[] = [emitter.emit("a", 0), emitter.listenerCount("a")];
    const listener = (...args: unknown[]) => calls.push(args);
    calls.push(emitter.on("a", listener) === emitter);
    emitter.on("a", listener).on("b", function (this: unknown) {
      calls.push(this === emitter);
    });
    calls.push(emitter.emit("a", 1, "two"), emitter.emit("b"), emitter.listenerCount("a"));
    return calls;
  });
  assert.deepEqual(told[0], told[1]);
});

Deno.test("stripVTControlCharacters: as Node's, for colors and weights", () => {
  for (const text of ["plain", "\x1b[1mbold\x1b[0m \x1b[31;1mred\x1b[m", "a[1m", ""]) {
    assert.equal(stripVTControlCharacters(text), util.stripVTControlCharacters(text));
  }
});
