// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { follow, tailOffset } from "./tail.ts";

async function withFile(
  text: string,
  use: (file: Deno.FsFile, path: string) => Promise<void> | void,
) {
  const path = await Deno.makeTempFile({ prefix: "berth-tail-" });
  try {
    await Deno.writeTextFile(path, text);
    using file = await Deno.open(path, { read: true });
    await use(file, path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("tailOffset: the last lines begin where they are expected", async () => {
  await withFile("a\nb\nc\n", (file) => {
    assert.equal(tailOffset(file, 1), 4);
    assert.equal(tailOffset(file, 2), 2);
    assert.equal(tailOffset(file, 3), 0);
    assert.equal(tailOffset(file, 99), 0);
    assert.equal(tailOffset(file, 0), 6);
  });
  await withFile("a\nb", (file) => assert.equal(tailOffset(file, 1), 2));
  await withFile("\n\n", (file) => assert.equal(tailOffset(file, 1), 1));
  await withFile("", (file) => assert.equal(tailOffset(file, 5), 0));
});

Deno.test("tailOffset: the last lines of a long file are found across reads", async () => {
  const line = "x".repeat(99) + "\n";
  await withFile(line.repeat(5000), (file) => {
    assert.equal(tailOffset(file, 1500), 3500 * 100);
  });
  await withFile("y".repeat(200_000), (file) => assert.equal(tailOffset(file, 1), 0));
});

Deno.test("follow: following gives what is there, what comes, and ends after the last byte", async () => {
  await withFile("one\n", async (file, path) => {
    const ended = new AbortController();
    const decoder = new TextDecoder();
    let seen = "";
    for await (const chunk of follow(file, path, { signal: ended.signal })) {
      seen += decoder.decode(chunk);
      if (seen === "one\n") await Deno.writeTextFile(path, "two\n", { append: true });
      if (seen === "one\ntwo\n") {
        await Deno.writeTextFile(path, "three\n", { append: true });
        ended.abort();
      }
    }
    assert.equal(seen, "one\ntwo\nthree\n");
  });
});

Deno.test("follow: following lingers for what comes late", async () => {
  await withFile("", async (file, path) => {
    const late = (async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await Deno.writeTextFile(path, "late", { append: true });
    })();
    let seen = "";
    const options = { signal: AbortSignal.abort(), lingerMs: 60_000 };
    for await (const chunk of follow(file, path, options)) {
      seen += new TextDecoder().decode(chunk);
      if (seen === "late") break;
    }
    await late;
    assert.equal(seen, "late");
  });
});

Deno.test("tailOffset: lines are looked for in a bounded part of a file, however large it was made", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.truncate(path, 2 ** 40);
    using file = await Deno.open(path, { read: true });
    assert.equal(tailOffset(file, 10), 2 ** 40 - 64 * 1024 * 1024);
  } finally {
    await Deno.remove(path);
  }
});
