// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TerminalInput } from "./input.ts";

Deno.test("TerminalInput.end: within a line the end has to be typed twice, else once", async () => {
  for (
    const [typed, times] of [
      [[], 1],
      [["a\n"], 1],
      [["a"], 2],
      [["a\n", "b"], 2],
      [["a", "\n"], 1],
      // Somebody has ended the line already.
      [["a\x04"], 1],
    ] as const
  ) {
    const written: number[] = [];
    const input = new TerminalInput({
      write: (bytes) => {
        // A terminal may take less than it is given.
        const taken = bytes.subarray(0, 1);
        written.push(...taken);
        return Promise.resolve(taken.length);
      },
    });
    for (const text of typed) {
      const bytes = new TextEncoder().encode(text);
      for (let done = 0; done < bytes.length;) done += await input.write(bytes.subarray(done));
    }
    assert.deepEqual([...input.end()], Array.from({ length: times }, () => 4), typed.join("|"));
    assert.equal(String.fromCharCode(...written), typed.join(""));
  }
});
