// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { exists } from "../../linux/fs/exists.ts";
import { loadConfig } from "../config/config.ts";
import { Networks } from "./networks.ts";

Deno.test("Networks.remove: that last addresses cannot be kept is in no network's way", async () => {
  const state = Deno.makeTempDirSync();
  try {
    const dir = `${state}/network/containers/instance`;
    Deno.mkdirSync(dir, { recursive: true });
    // In the place of the file.
    Deno.mkdirSync(`${state}/network/addresses.json`);
    using networks = new Networks({
      config: loadConfig({ config: "/dev/null", state }),
      spawn: () => assert.fail("no program is run"),
      stopping: new AbortController().signal,
    });
    await networks.remove({ id: "web", instance: "instance" });
    assert.ok(!exists(dir));
  } finally {
    Deno.removeSync(state, { recursive: true });
  }
});
