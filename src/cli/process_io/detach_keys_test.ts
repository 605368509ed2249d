// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { DetachKeys, parseDetachKeys } from "./detach_keys.ts";

const text = new TextDecoder();
const bytes = (s: string) => new TextEncoder().encode(s);

function typed(...chunks: string[]): { forward: string; detached: boolean } {
  const keys = new DetachKeys();
  let forward = "";
  for (const chunk of chunks) {
    const result = keys.feed(bytes(chunk));
    forward += text.decode(result.forward);
    if (result.detached) return { forward, detached: true };
  }
  return { forward: forward + text.decode(keys.rest()), detached: false };
}

Deno.test("DetachKeys: Ctrl-P Ctrl-Q detaches, in one read or two", () => {
  assert.deepEqual(typed("ab\x10\x11cd"), { forward: "ab", detached: true });
  assert.deepEqual(typed("ab\x10", "\x11"), { forward: "ab", detached: true });
  assert.deepEqual(typed("\x10\x10\x11"), { forward: "\x10", detached: true });
});

Deno.test("DetachKeys: a sequence that breaks off reaches the process whole", () => {
  assert.deepEqual(typed("\x10", "x"), { forward: "\x10x", detached: false });
  assert.deepEqual(typed("\x11\x10"), { forward: "\x11\x10", detached: false });
});

Deno.test("DetachKeys: without the sequence every byte is forwarded in order, however it is cut", () => {
  const chunk = fc.string({ unit: fc.constantFrom("a", "b", "\x10") });
  fc.assert(fc.property(fc.array(chunk), (chunks) => {
    assert.deepEqual(typed(...chunks), { forward: chunks.join(""), detached: false });
  }));
});

Deno.test("DetachKeys: no keys: nothing detaches", () => {
  const keys = new DetachKeys(parseDetachKeys(""));
  assert.deepEqual(text.decode(keys.feed(bytes("\x10\x11")).forward), "\x10\x11");
});

Deno.test("parseDetachKeys: keys are written as docker writes them", () => {
  assert.deepEqual([...parseDetachKeys("ctrl-p,ctrl-q")], [0x10, 0x11]);
  assert.deepEqual([...parseDetachKeys("ctrl-],x")], [0x1d, 0x78]);
  assert.throws(() => parseDetachKeys("ctrl-p,"), RangeError);
  assert.throws(() => parseDetachKeys("meta-p"), RangeError);
});
