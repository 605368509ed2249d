// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import { ShimStarter, startTimeout } from "./shim_starter.ts";

Deno.test("ShimStarter: a shim that is not ready in time is killed, and that is said", async () => {
  using temp = new TempDir();
  const state = temp.path;
  using reaper = Reaper.start({ reapAll: false });
  const { promise, resolve } = Promise.withResolvers<string>();
  await using starter = await ShimStarter.open(
    { state, self: () => ["sh", "-c", "exec sleep 1000"], env: {}, reaper, withinMs: 50 },
    { ready: () => {}, failed: resolve, ended: () => {} },
  );
  starter.start();
  assert.equal(
    await promise,
    `a shim was not ready within 50 ms and was killed; see ${state}/shims.log`,
  );
});

Deno.test("startTimeout: half a minute, or longer where a shim's answers may take longer", () => {
  assert.equal(startTimeout(10_000), 30_000);
  assert.equal(startTimeout(300_000), 300_000);
});
