// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { recordUpdate } from "./record_update.ts";

Deno.test("recordUpdate: new limits are merged into the bundle's spec, member by member", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const config = `${dir}/config.json`;
  const resources = { memory: { limit: 1, swap: 2 }, pids: { limit: 3 }, devices: [{}] };
  await Deno.writeTextFile(config, JSON.stringify({ hostname: "a", linux: { resources } }));
  recordUpdate(dir, { memory: { limit: 9 }, cpu: { shares: 4 } });
  assert.deepEqual(JSON.parse(await Deno.readTextFile(config)), {
    hostname: "a",
    linux: { resources: { ...resources, memory: { limit: 9, swap: 2 }, cpu: { shares: 4 } } },
  });
  await Deno.remove(config);
  recordUpdate(dir, { pids: { limit: 1 } });
});
