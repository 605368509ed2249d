// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { exists } from "../../linux/fs/exists.ts";
import { mount } from "../../linux/mount/mount.ts";
import { unmount } from "../../linux/mount/unmount.ts";
import { ResourceExhaustedError } from "../../rpc/errors.ts";
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

Deno.test("Networks.setUp: a full disk is a resource that is exhausted, whatever is being written", async () => {
  const state = Deno.makeTempDirSync();
  const instance = "instance";
  try {
    Deno.mkdirSync(`${state}/network`);
    mount({ type: "tmpfs", source: "tmpfs", target: `${state}/network`, options: ["size=1m"] });
    const { blksize: page } = Deno.statSync(`${state}/network`);
    assert.ok(page !== null && page > 0);
    using networks = new Networks({
      config: loadConfig({ config: "/dev/null", state }),
      spawn: () => assert.fail("no program is run"),
      stopping: new AbortController().signal,
    });
    const hosts = { path: `${state}/network/hosts`, names: ["web"] };
    Deno.writeTextFileSync(hosts.path, "");
    const fill = (left: number) => {
      using file = Deno.openSync(`${state}/network/filler`, { write: true, create: true });
      assert.throws(() => {
        for (;;) file.writeSync(new Uint8Array(page));
      }, { code: "ENOSPC" });
      file.truncateSync(file.statSync().size - left);
    };
    const setUp = () => networks.setUp({ id: "web", instance, attachments: [], ports: [], hosts });
    const refused = async (what: RegExp) => {
      await assert.rejects(setUp(), (error) => {
        assert.ok(error instanceof ResourceExhaustedError, String(error));
        assert.match(error.message, what);
        return true;
      });
      Deno.removeSync(`${state}/network/filler`);
      await networks.remove({ id: "web", instance });
      assert.ok(!exists(`${state}/network/containers/${instance}`));
    };
    fill(0);
    await refused(/^container web: cannot make its network: /);
    // Room for the record alone, which is one page.
    fill(page);
    await refused(/^container web: cannot write its addresses into the hosts file: /);
  } finally {
    unmount(`${state}/network`);
    Deno.removeSync(state, { recursive: true });
  }
});
