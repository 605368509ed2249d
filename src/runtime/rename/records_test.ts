// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { definitionDir, writeDefinition } from "../definitions/definition_files.ts";
import type { Definition } from "../definitions/definition_files.ts";
import { plainRecord } from "../definitions/definition_testing.ts";
import { Definitions } from "../definitions/definitions.ts";
import { NO_PROGRESS } from "../definitions/service_record.ts";
import type { RenamePlan } from "./plan.ts";
import { RenameRecords } from "./records.ts";

function definitionOf(id: string, instance: string): Definition {
  const service = { policy: { policy: "no" }, started: true, progress: NO_PROGRESS } as const;
  return { spec: { hostname: "web" }, record: plainRecord(id, instance), service };
}

/** Defines a container web with an overlay, and records its rename to x as one that was just begun. */
function withRename(work: (root: string, plan: RenamePlan) => void): void {
  using temp = new TempDir();
  const root = temp.path;
  writeDefinition(definitionDir(root, "web"), definitionOf("web", "i"));
  Deno.mkdirSync(`${root}/overlay/web/a`, { recursive: true });
  const plan: RenamePlan = {
    from: "web",
    to: "x",
    moves: [{ from: `${root}/overlay/web/a`, to: `${root}/overlay/x/a` }],
    definition: definitionOf("x", "i"),
    exit: { instance: "i", pid: 7, exitStatus: 0, exitedAt: "2026-01-01T00:00:00.000Z" },
  };
  Deno.mkdirSync(`${root}/renames`);
  Deno.writeTextFileSync(`${root}/renames/x.json`, JSON.stringify(plan));
  work(root, plan);
}

/** Returns what is in a directory below the root; nothing where there is none. */
function names(root: string, dir: string): string[] {
  try {
    return [...Deno.readDirSync(`${root}/${dir}`)].map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

Deno.test("RenameRecords.finishAll: what was begun is finished, and what was not goes", () => {
  withRename((root, plan) => {
    // A daemon was killed while it wrote this one.
    Deno.writeTextFileSync(`${root}/renames/y.json.tmp`, "{");
    const records = new RenameRecords(root);
    assert.deepEqual(records.finishAll(), [plan]);
    assert.deepEqual(names(root, "renames"), ["x.json"]);
    assert.deepEqual([names(root, "containers"), names(root, "overlay")], [["x"], ["x"]]);
    records.checkUsable("web");
    records.checkUsable("x");
  });
});

Deno.test("RenameRecords.finishAll: what cannot be finished is taken back", () => {
  withRename((root) => {
    // No file can be written in the place of a directory.
    Deno.mkdirSync(`${definitionDir(root, "x")}/config.json`, { recursive: true });
    const records = new RenameRecords(root);
    assert.deepEqual(records.finishAll(), []);
    assert.deepEqual(
      [names(root, "containers"), names(root, "overlay"), names(root, "renames")],
      [["web"], ["web"], []],
    );
    records.checkUsable("web");
    records.checkUsable("x");
  });
});

Deno.test("RenameRecords.finishAll: what can neither be finished nor taken back is left alone until it is", () => {
  withRename((root, plan) => {
    const record = `${definitionDir(root, "x")}/berth.json`;
    Deno.mkdirSync(record, { recursive: true });
    const records = new RenameRecords(root);
    assert.deepEqual(records.finishAll(), []);
    for (const id of ["web", "x"]) {
      assert.throws(() => records.checkUsable(id), FailedPreconditionError);
    }
    records.checkUsable("y");
    assert.throws(
      () => records.begin({ ...plan, to: "y", definition: definitionOf("y", "i") }),
      FailedPreconditionError,
    );
    const definitions = Definitions.open(root, (id) => records.isPartial(id));
    assert.deepEqual(definitions.ids(), ["web"]);

    Deno.removeSync(record);
    const next = new RenameRecords(root);
    assert.deepEqual(next.finishAll(), [plan]);
    next.checkUsable("x");
    assert.deepEqual([names(root, "containers"), names(root, "overlay")], [["x"], ["x"]]);
  });
});

Deno.test("RenameRecords.finishAll: the definition of another container that has the new id stays", () => {
  withRename((root) => {
    writeDefinition(definitionDir(root, "x"), definitionOf("x", "another"));
    const records = new RenameRecords(root);
    assert.deepEqual(records.finishAll(), []);
    assert.throws(() => records.checkUsable("web"), /x is another container by now/);
    records.checkUsable("x");
    const definitions = Definitions.open(root, (id) => records.isPartial(id));
    assert.equal(definitions.read("x").record.instance, "another");
    assert.equal(definitions.read("web").record.instance, "i");
    assert.deepEqual(names(root, "overlay"), ["web"]);
  });
});
