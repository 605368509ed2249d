// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { Bundle } from "../bundle/bundle.ts";
import { BUNDLE_FORMAT } from "../../oci/bundle_layout.ts";
import type { ShimEvent } from "../../rpc/contract/shim.ts";
import { Journal } from "../events/journal.ts";
import { EventPublisher } from "../events/publisher.ts";
import { ContainerEvents } from "./events.ts";
import { ProcessTable } from "./process_table.ts";

const at = "2026-01-01T00:00:00.000Z";

function setUp(dir: string, beforeExit: () => void = () => {}, isResting = false) {
  const bundle = Bundle.create(`${dir}/c`, {
    format: BUNDLE_FORMAT,
    id: "c",
    instance: "i",
    runtime: "runc",
    runtimeRoot: `${dir}/oci`,
    stdio: { stdin: "", stdout: "", stderr: "", terminal: false },
    rootfs: [],
    noPivot: false,
    labels: {},
    createdAt: at,
  }, {});
  const journal = Journal.open(`${dir}/events`, { segment_bytes: 100_000, segments: 2 });
  const log = new EventPublisher(journal);
  const processes = new ProcessTable();
  const acks: number[] = [];
  const events = new ContainerEvents({
    bundle,
    isResting,
    processes,
    log,
    network: () => undefined,
    beforeExit,
    ack: (seq) => acks.push(seq),
  });
  const types = () => journal.read(0, 100).map(({ type }) => type);
  const close = () => {
    log[Symbol.dispose]();
    journal[Symbol.dispose]();
  };
  return { bundle, events, processes, acks, log, journal, types, [Symbol.dispose]: close };
}

function event(seq: number, type: ShimEvent["type"], more: Partial<ShimEvent> = {}): ShimEvent {
  return { seq, timestamp: at, type, pid: 7, ...more };
}

Deno.test("ContainerEvents: an exit is published though a monitor fails before it", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  using set = setUp(dir, () => {
    throw new Error("too many open files");
  });
  set.events.ingest(event(1, "create"));
  set.events.ingest(event(2, "start"));
  const waiting = set.processes.wait("c", undefined);
  set.events.ingest(event(3, "exit", { exitStatus: 3, exitedAt: at }));
  assert.deepEqual(await waiting, { exitStatus: 3, exitedAt: at });
  assert.deepEqual(set.types(), ["create", "start", "exit"]);
  assert.deepEqual(set.acks, [1, 2, 3]);
});

Deno.test("ContainerEvents: a failing listener stops neither the exit nor who waits for it", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  using set = setUp(dir);
  set.log.addListener(() => {
    throw new Error("no");
  });
  set.events.ingest(event(1, "create"));
  set.events.ingest(event(2, "exit", { exitStatus: 3, exitedAt: at }));
  assert.deepEqual(await set.processes.wait("c", undefined), { exitStatus: 3, exitedAt: at });
  assert.deepEqual(set.acks, [1, 2]);
});

Deno.test("ContainerEvents: what was taken over, and an exit that was published, is passed over", () => {
  using temp = new TempDir();
  const dir = temp.path;
  using set = setUp(dir);
  for (const seq of [1, 1]) set.events.ingest(event(seq, "create"));
  set.events.ingest(event(2, "exec-started", { execId: "e", pid: 8 }));
  set.events.publishSyntheticExits();
  set.events.ingest(event(3, "exit", { execId: "e", pid: 8, exitStatus: 0, exitedAt: at }));
  set.events.ingest(event(4, "exit", { exitStatus: 0, exitedAt: at }));
  assert.deepEqual(set.types(), ["create", "exec-started", "exit", "exit"]);
  assert.equal(set.events.shimSeq, 4);
  // Of those that were not published the shim need not tell again either.
  assert.deepEqual(set.acks, [1, 2, 3, 4]);
});

Deno.test("ContainerEvents: the exits of execs that are not known come before that of init", () => {
  using temp = new TempDir();
  let before = 0;
  using set = setUp(temp.path, () => before++);
  set.events.ingest(event(1, "create"));
  set.events.ingest(event(2, "exec-started", { execId: "e", pid: 8 }));
  set.events.ingest(event(3, "exit", { exitStatus: 0, exitedAt: at }));
  const exits = set.journal.read(2, 100);
  assert.deepEqual(exits.map(({ execId, synthetic }) => [execId, synthetic]), [
    ["e", true],
    [undefined, undefined],
  ]);
  assert.equal(before, 1);
});

Deno.test("ContainerEvents.publishSyntheticExits: a status is certain only of what was killed", () => {
  using temp = new TempDir();
  const dir = temp.path;
  using set = setUp(dir);
  set.events.ingest(event(1, "create"));
  set.events.ingest(event(2, "exec-started", { execId: "alive", pid: 8 }));
  set.events.ingest(event(3, "exec-started", { execId: "gone", pid: 9 }));
  set.events.publishSyntheticExits(new Set([8]));
  const exits = set.journal.read(0, 100).filter(({ type }) => type === "exit");
  assert.deepEqual(
    exits.map(({ execId, exitStatusUnknown }) => [execId, exitStatusUnknown]),
    [["alive", undefined], ["gone", true], [undefined, true]],
  );
  assert.deepEqual(exits.map(({ synthetic }) => synthetic), [true, true, true]);
  assert.equal(exits[0]?.exitStatus, 137);
  // For the next daemon.
  assert.equal(set.bundle.exitRecord()?.exitStatusUnknown, true);
});

Deno.test("ContainerEvents.publishSyntheticExits: an exit that the shim has recorded is told as it was", () => {
  using temp = new TempDir();
  let before = 0;
  using set = setUp(temp.path, () => before++);
  set.events.publishSyntheticExits();
  assert.deepEqual(set.types(), [], "nothing is told of what was not created");
  set.events.ingest(event(1, "create"));
  set.bundle.recordExit({ pid: 7, exitStatus: 3, exitedAt: at });
  for (let round = 0; round < 2; round++) set.events.publishSyntheticExits(new Set([7]));
  const [exit, ...others] = set.journal.read(1, 100);
  assert.deepEqual([exit?.exitStatus, exit?.exitedAt, others, before], [3, at, [], 1]);
});

Deno.test("ContainerEvents.publishDelete: a delete is told once, and of nothing that was not created", () => {
  using temp = new TempDir();
  const deleted = { pid: 7, exitStatus: 3, exitedAt: at };
  for (const [dir, isResting] of [["new", false], ["resting", true]] as const) {
    Deno.mkdirSync(`${temp.path}/${dir}`);
    using set = setUp(`${temp.path}/${dir}`, undefined, isResting);
    set.events.publishDelete(deleted);
    if (!isResting) {
      assert.deepEqual(set.types(), []);
      set.events.ingest(event(1, "create"));
    }
    for (let round = 0; round < 2; round++) set.events.publishDelete(deleted);
    assert.deepEqual(set.types(), isResting ? ["delete"] : ["create", "delete"]);
    assert.equal(set.events.deletePublished, true);
  }
});
