// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { exists } from "../linux/fs/exists.ts";
import { Reaper } from "../linux/process/reaper.ts";
import { NetworkError } from "../rpc/errors.ts";
import type { PluginHost } from "./plugin.ts";
import { networkPaths, newRecord, readRecord } from "./record.ts";
import { setUp } from "./set_up.ts";
import { tearDown } from "./tear_down.ts";

/** A script that fails as plugins do. */
const fails = (message: string) => `echo '{"code":100,"msg":"${message}"}'; exit 1`;

Deno.test("tearDown: what a plugin says of its removal is no reason to go on, unless it said so when it failed to add", async () => {
  const dir = Deno.makeTempDirSync();
  using reaper = Reaper.start({ reapAll: false });
  const host: PluginHost = {
    spawn: (argv, options) => reaper.spawn(argv, options),
    dirs: [dir],
    timeoutMs: 60_000,
  };
  const paths = networkPaths(`${dir}/network`);
  const plugin = (add: string, del: string) => {
    const script = `#!/bin/sh\nif [ $CNI_COMMAND = ADD ]; then ${add}; else ${del}; fi\n`;
    Deno.writeTextFileSync(`${dir}/test`, script, { mode: 0o755 });
  };
  const conflist = { cniVersion: "1.0.0", name: "net", plugins: [{ type: "test" }] };
  const planned = () =>
    newRecord({ id: "web", instance: crypto.randomUUID() }, [
      { conflist, ifname: "eth0", runtimeConfig: {} },
    ], []);
  const remove = () => tearDown(host, paths, readRecord(paths));
  try {
    plugin(fails("no such key"), fails("no such key"));
    await assert.rejects(setUp(host, paths, planned()), /ADD failed: no such key/);
    await remove();
    assert.ok(!exists(paths.dir));
    for (
      const [add, del] of [
        [fails("no address"), fails("busy")],
        ["kill -9 $$", "kill -9 $$"],
        ["echo busy >&2; exit 1", "echo busy >&2; exit 1"],
        ["true", fails("no such key")],
      ] as const
    ) {
      plugin(add, del);
      await setUp(host, paths, planned()).catch((error: unknown) => {
        assert.ok(error instanceof NetworkError, String(error));
      });
      // Also the second time: what is recorded of a removal says nothing else.
      for (let time = 0; time < 2; time++) await assert.rejects(remove(), /DEL failed/, add);
      plugin("true", "true");
      await remove();
      assert.ok(!exists(paths.dir));
    }
    // As on a full disk.
    plugin(`rm ${paths.record}; mkdir ${paths.record}; ${fails("no such key")}`, "true");
    await assert.rejects(setUp(host, paths, planned()), /ADD failed: no such key/);
    Deno.removeSync(paths.record);
    await tearDown(host, paths, planned());
    assert.ok(!exists(paths.dir));
  } finally {
    plugin("true", "true");
    await remove();
    Deno.removeSync(dir, { recursive: true });
  }
});
