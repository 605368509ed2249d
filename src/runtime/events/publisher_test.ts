// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { CapturedLog } from "../util/log_testing.ts";
import { type EventDraft, Journal } from "./journal.ts";
import { EventPublisher } from "./publisher.ts";

function draft(type: EventDraft["type"]): EventDraft {
  return { timestamp: "2026-01-01T00:00:00.000Z", type, id: "a", instance: "i", pid: 7 };
}

Deno.test("EventPublisher: an event that a listener publishes comes after the one before, to all", () => {
  using temp = new TempDir();
  using journal = Journal.open(temp.path, { segment_bytes: 4096, segments: 2 });
  using publisher = new EventPublisher(journal);
  const heard: string[] = [];
  publisher.addListener(({ type }) => {
    heard.push(`first ${type}`);
    if (type === "exit") publisher.publish(draft("delete"));
  });
  publisher.addListener(({ type }) => heard.push(`second ${type}`));
  publisher.publish(draft("exit"));
  assert.deepEqual(heard, ["first exit", "second exit", "first delete", "second delete"]);
});

Deno.test("EventPublisher: an event that cannot be written is written when there is room, in order", async () => {
  using temp = new TempDir();
  using journal = Journal.open(temp.path, { segment_bytes: 4096, segments: 2 });
  using publisher = new EventPublisher(journal);
  using log = new CapturedLog();
  let isFull = true;
  let tries = 0;
  const append = journal.append.bind(journal);
  journal.append = (...args) => {
    tries++;
    if (isFull) throw new Error("no space");
    return append(...args);
  };
  const written: string[] = [];
  for (const type of ["create", "start"] as const) {
    publisher.publish(draft(type), undefined, (event) => written.push(event.type));
  }
  await until("further tries", () => tries > 3);
  assert.deepEqual(written, []);
  const failure = "error berth.journal: cannot write events, will retry: no space";
  assert.deepEqual(log.lines, [failure]);
  isFull = false;
  await until("both are written", () => written.length === 2);
  assert.deepEqual(written, ["create", "start"]);
  assert.deepEqual(journal.read(0, 9).map(({ type }) => type), written);
  isFull = true;
  publisher.publish(draft("exit"));
  assert.deepEqual(log.lines, [failure, failure], "it is full again");
});
