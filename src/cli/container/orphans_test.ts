// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { findOrphans } from "./orphans.ts";

Deno.test("findOrphans: what was just made is young, also by a clock that was set back since", async () => {
  using temp = new TempDir();
  const root = temp.path;
  await Deno.mkdir(`${root}/logs`);
  const minutes = { now: 0, before: -5, ahead: 5, old: -15, far: 24 * 60 };
  for (const [name, offset] of Object.entries(minutes)) {
    const path = `${root}/logs/${name}.log`;
    await Deno.writeTextFile(path, "");
    const time = new Date(Date.now() + offset * 60_000);
    await Deno.utime(path, time, time);
  }
  const { old, young } = await findOrphans(root, () => Promise.resolve([]));
  const names = (paths: readonly string[]) =>
    paths.map((path) => path.slice(`${root}/logs/`.length, -".log".length));
  assert.deepEqual(names(young), ["ahead", "before", "now"]);
  assert.deepEqual(names(old), ["far", "old"]);
});

Deno.test("findOrphans: what is below an id whose rename is not done is no orphan", async () => {
  using temp = new TempDir();
  const root = temp.path;
  const time = new Date(Date.now() - 15 * 60_000);
  for (const id of ["web", "x", "gone"]) {
    await Deno.mkdir(`${root}/overlay/${id}`, { recursive: true });
    await Deno.utime(`${root}/overlay/${id}`, time, time);
  }
  await Deno.mkdir(`${root}/renames`);
  await Deno.writeTextFile(`${root}/renames/x.json`, JSON.stringify({ from: "web", to: "x" }));
  const { old } = await findOrphans(root, () => Promise.resolve([]));
  assert.deepEqual(old, [`${root}/overlay/gone`]);
});
