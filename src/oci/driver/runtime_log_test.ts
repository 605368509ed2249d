// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { CallLog, WarningReader } from "./runtime_log.ts";

function append(path: string, ...lines: string[]): void {
  Deno.writeTextFileSync(path, lines.map((line) => line + "\n").join(""), { append: true });
}

const entry = (level: string, msg: string) => JSON.stringify({ level, msg, time: "t" });

Deno.test("CallLog: the last error of a call is found, not one of an earlier call", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/log.json`;
  append(path, entry("error", "old"));
  using log = CallLog.take(path, new Set());
  assert.equal(log.lastError(), undefined);
  append(path, entry("error", "first"), entry("error", "second"), entry("warning", "w"));
  append(path, "not JSON", '{"half":');
  assert.equal(log.lastError(), "second");
});

Deno.test("CallLog: calls at the same time have a log each, and only the first one's stays", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/log.json`;
  const inUse = new Set<string>();
  {
    using a = CallLog.take(path, inUse);
    using b = CallLog.take(path, inUse);
    using c = CallLog.take(path, inUse);
    assert.equal(a.path, path);
    append(a.path, entry("error", "of a"));
    append(b.path, entry("error", "of b"));
    assert.equal(a.lastError(), "of a");
    assert.equal(b.lastError(), "of b");
    assert.equal(c.lastError(), undefined);
  }
  assert.equal(inUse.size, 0);
  assert.deepEqual([...Deno.readDirSync(dir)].map((each) => each.name), ["log.json"]);
});

Deno.test("CallLog: a log that cannot be removed does not hide how its call has ended", () => {
  using temp = new TempDir();
  const path = `${temp.path}/log.json`;
  const inUse = new Set<string>();
  using _first = CallLog.take(path, inUse);
  const call = () => {
    using log = CallLog.take(path, inUse);
    Deno.mkdirSync(`${log.path}/in-the-way`, { recursive: true });
    throw new Error("the call's own");
  };
  assert.throws(call, { message: "the call's own" });
  assert.equal(inUse.size, 1);
});

Deno.test("CallLog: only the end of a huge log is read", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/log.json`;
  using log = CallLog.take(path, new Set());
  append(path, ...Array.from({ length: 20_000 }, (_, n) => entry("error", `error ${n}`)));
  assert.equal(log.lastError(), "error 19999");
});

Deno.test("WarningReader: reads what was warned of since, and only that", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/log.json`;
  assert.deepEqual(new WarningReader(path).read(), []);
  append(path, entry("warning", "old"));
  const reader = new WarningReader(path);
  assert.deepEqual(reader.read(), []);
  append(
    path,
    entry("info", "i"),
    entry("warning", "one"),
    '{"half":',
    entry("warning", " two "),
  );
  assert.deepEqual(reader.read(), ["one", "two"]);
});

Deno.test("WarningReader: of devices that runc skips, its own tun is not worth a warning", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/log.json`;
  const reader = new WarningReader(path);
  const skipped = (device: string) =>
    `skipping device /dev/char/${device} for systemd: stat /sys/dev/char/${device}: ` +
    "no such file or directory";
  append(path, entry("warning", skipped("10:200")), entry("warning", skipped("195:0")));
  assert.deepEqual(reader.read(), [skipped("195:0")]);
});
