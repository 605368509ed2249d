// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import type { Definition } from "./definition_files.ts";
import { plainRecord } from "./definition_testing.ts";
import { Definitions } from "./definitions.ts";
import { NO_PROGRESS } from "./service_record.ts";

function definitionOf(instance: string): Definition {
  return {
    spec: { hostname: instance },
    record: plainRecord("web", instance),
    service: { policy: { policy: "always" }, started: true, progress: NO_PROGRESS },
  };
}

Deno.test("Definitions.write: what the disk has not taken of the definition before is forgotten", () => {
  using temp = new TempDir();
  const root = temp.path;
  const definitions = Definitions.open(root);
  definitions.write(definitionOf("first"));
  const path = `${definitions.dir("web")}/berth.json`;
  // No file can be written in the place of a directory.
  Deno.removeSync(path);
  Deno.mkdirSync(path);
  definitions.setRecord(plainRecord("web", "second"));
  definitions.setResources("web", { pids: { limit: 7 } });
  assert.equal(definitions.read("web").record.instance, "second");
  assert.ok("linux" in definitions.read("web").spec);
  Deno.removeSync(path);

  definitions.write(definitionOf("third"));
  definitions.update("web", { started: false });
  for (const each of [definitions, Definitions.open(root)]) {
    const { record, service, spec } = each.read("web");
    assert.deepEqual([record.instance, service.started, spec], [
      "third",
      false,
      { hostname: "third" },
    ]);
  }
});
