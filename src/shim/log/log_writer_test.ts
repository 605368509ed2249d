// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { SmallDisk } from "../../../tests/harness/small_disk.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import type { LogRecord } from "../../oci/bundle_layout.ts";
import { rotatedNumbers } from "../../oci/log_layout.ts";
import { LogWriter } from "./log_writer.ts";

const bytes = (value: string) => new TextEncoder().encode(value);

async function withLog(
  use: (log: LogRecord, dir: string) => Promise<void> | void,
  more: Partial<LogRecord> = {},
): Promise<void> {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/c/container.log`;
  await use({ driver: "cri", path, maxSize: 65_536, maxFile: 3, own: true, ...more }, dir);
}

function report(message: string): void {
  throw new Error(`unexpected: ${message}`);
}

/** The output that the files of a log contain, the oldest first. */
function contents(path: string): string {
  const files = [...rotatedNumbers(path).map((number) => `${path}.${number}`), path];
  // Between two steps of a rotation there is no current file.
  return files.filter((file) => existsSync(file))
    .map((file) => Deno.readTextFileSync(file)).join("").split("\n").slice(0, -1)
    .map((record) => record.replace(/^\S+ std... (P |F )/, "") + (/ P /.test(record) ? "" : "\n"))
    .join("");
}

Deno.test("LogWriter: a log is rotated by size, and the oldest files go", async () => {
  await withLog(({ path, ...log }) => {
    using writer = new LogWriter({ log: { path, ...log }, report });
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`);
    for (let at = 0; at < lines.length; at += 100) {
      assert.equal(writer.write("stdout", bytes(lines.slice(at, at + 100).join(""))), undefined);
    }
    const numbers = rotatedNumbers(path);
    assert.equal(numbers.length, 2);
    assert.equal(numbers[1], numbers[0]! + 1);
    for (const number of numbers) {
      const { size } = Deno.statSync(`${path}.${number}`);
      assert.ok(size <= 65_536 && size > 60_000, `${size}`);
    }
    const kept = contents(path).split("\n").slice(0, -1);
    assert.deepEqual(kept, lines.slice(-kept.length).map((line) => line.trim()));
    assert.ok(kept.length > 2000);
  });
});

Deno.test("LogWriter: a log is rotated between lines, though what is read ends within one", async () => {
  await withLog(({ path, ...log }) => {
    using writer = new LogWriter({ log: { path, ...log }, report });
    const output = bytes(Array.from({ length: 60_000 }, (_, index) => `line ${index}\n`).join(""));
    for (let at = 0; at < output.length; at += 4099) {
      writer.write("stdout", output.slice(at, at + 4099));
    }
    const numbers = rotatedNumbers(path);
    assert.ok(numbers.length === 2 && numbers[0]! > 5, numbers.join());
    for (const file of [...numbers.map((number) => `${path}.${number}`), path]) {
      const text = Deno.readTextFileSync(file);
      assert.match(text, /^\S+ stdout [PF] line \d+\n/, file);
      assert.ok(text.length < 65_536 + 200, `${text.length}`);
    }
  });
});

Deno.test("LogWriter: with one file only the current one is kept", async () => {
  await withLog(({ path, ...log }) => {
    using writer = new LogWriter({ log: { path, ...log }, report });
    for (let n = 0; n < 100; n++) writer.write("stderr", bytes(`${"x".repeat(2000)}\n`));
    assert.deepEqual([...Deno.readDirSync(path.replace(/\/[^/]*$/, ""))].length, 1);
  }, { maxFile: 1 });
});

Deno.test("LogWriter: a writer goes on after one that was killed in the middle of a record or a rotation", async () => {
  await withLog(({ path, ...log }) => {
    Deno.mkdirSync(path.replace(/\/[^/]*$/, ""));
    Deno.writeTextFileSync(path, "2026-01-01T00:00:00.000Z stdout F whole\n2026-01-01T0");
    {
      using writer = new LogWriter({ log: { path, ...log }, report });
      writer.write("stdout", bytes("next\n"));
    }
    assert.match(Deno.readTextFileSync(path), /whole\n2026-01-01T0\n\S+ stdout F next\n$/);
    // Renamed, and the next one not begun.
    Deno.renameSync(path, `${path}.1`);
    using writer = new LogWriter({ log: { path, ...log }, report });
    writer.write("stdout", bytes("last\n"));
    assert.match(Deno.readTextFileSync(path), /^\S+ stdout F last\n$/);
  });
});

/**
 * Writes `seq from to` in a process of its own, with failpoints armed, a line at a time. Returns the
 * signal that has ended the process.
 */
async function writeElsewhere(log: LogRecord, from: number, to: number, failpoints: string) {
  const { signal, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { LogWriter } from ${JSON.stringify(new URL("log_writer.ts", import.meta.url))};
      const log = ${JSON.stringify(log)};
      const report = (text) => { throw new Error(text); };
      using writer = new LogWriter({ log, report });
      for (let n = ${from}; n <= ${to}; n++) {
        writer.write("stdout", new TextEncoder().encode(n + "\\n"));
      }`,
    ],
    env: { BERTH_FAILPOINTS: failpoints },
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "", failpoints);
  return signal;
}

Deno.test("LogWriter: killed at any step of a rotation it has lost nothing that it had written", async () => {
  for (const point of ["log.rotate", "log.renamed", "log.removed", "log.begun"]) {
    for (const [maxFile, kept] of [[1, 1], [3, 3]] as const) {
      await withLog(async (log) => {
        // The third rotation, which is the first that has an old file to remove.
        const failpoints = `${point}=2*off->crash`;
        assert.equal(await writeElsewhere(log, 1, 10_000, failpoints), "SIGKILL", point);
        const before = contents(log.path).split("\n").slice(0, -1).map(Number);
        const last = before.at(-1) ?? 0;
        // With a single file the one that is full may be gone before the next is there.
        if (maxFile > 1) assert.ok(last > 3000, `${point}: ${last}`);
        const next = last === 0 ? 10_001 : last + 1;
        assert.equal(await writeElsewhere(log, next, next + 1999, ""), null, point);
        const after = contents(log.path).split("\n").slice(0, -1).map(Number);
        assert.equal(after.at(-1), next + 1999, point);
        for (const [at, number] of after.entries()) {
          assert.equal(number, (after[0] ?? 0) + at, `${point}: lost or there twice`);
        }
        // Three files hold more than was written behind the kill.
        if (maxFile > 1) assert.ok((after[0] ?? 0) < last, point);
        assert.equal(rotatedNumbers(log.path).length + 1, kept, point);
      }, { maxFile });
    }
  }
});

Deno.test("LogWriter: while the disk is full a write waits, says so once, and is complete in the end", async () => {
  await withLog(async (log, dir) => {
    using _disk = new SmallDisk(dir, "size=256k");
    const said: string[] = [];
    using writer = new LogWriter({ log, report: (message) => said.push(message) });
    const filler = `${dir}/filler`;
    Deno.writeFileSync(filler, new Uint8Array(200 * 1024));
    const text = Array.from({ length: 3000 }, (_, index) => `${index}\n`).join("");
    const waiting = writer.write("stdout", bytes(text));
    assert.ok(waiting !== undefined && writer.isStuck);
    const second = writer.write("stderr", bytes("after it\n"));
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(said.length, 1);
    assert.match(said[0]!, /^cannot write \S+, so the container waits: .*ENOSPC/);
    Deno.removeSync(filler);
    await waiting;
    await second;
    assert.match(said[1]!, / is written again$/);
    assert.equal(said.length, 2);
    assert.equal(contents(log.path), `${text}after it\n`);
  }, { maxSize: 2 ** 20 });
});
