// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ARCHITECTURE, parseImageConfig } from "./image_config.ts";
import { imageNotes, type NoteOptions } from "./image_notes.ts";

const notes = (config: unknown, architecture = ARCHITECTURE, options: NoteOptions = {}) =>
  imageNotes(parseImageConfig(JSON.stringify({ os: "linux", architecture, config })), options);

Deno.test("imageNotes: says what of a config has no effect", () => {
  assert.deepEqual(notes({ Cmd: ["sh"] }), []);
  assert.deepEqual(notes({ Healthcheck: { Test: ["NONE"] } }), []);
  assert.deepEqual(
    notes({ ExposedPorts: { "80/tcp": {}, "53": {} }, Healthcheck: { Test: ["CMD", "true"] } }),
    [
      "asks for health checks, which berth does not run",
      "exposes 53, 80/tcp, which only -p publishes",
    ],
  );
  assert.deepEqual(notes({}, "s390x"), ["is for s390x"]);
  assert.deepEqual(notes({ ExposedPorts: { "80": {} } }, "s390x", { ports: false }), [
    "is for s390x",
  ]);
});

Deno.test("imageNotes: repeats no text that is no port and no architecture, and not too many", () => {
  assert.deepEqual(notes({ ExposedPorts: { "\x1b[2J": {} } }, "\x1b[2J"), [
    "is for another machine",
  ]);
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`${n}/udp`, {}]));
  const [note = ""] = notes({ ExposedPorts: many });
  assert.match(note, /^exposes 0\/udp, .* and more, which only -p publishes$/);
  assert.ok(note.length < 120, note);
});
