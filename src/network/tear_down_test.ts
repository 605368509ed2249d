// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { writeScript } from "../../tests/harness/stand_in.ts";
import { testNeeding } from "../../scripts/test_needing.ts";
import { exists } from "../linux/fs/exists.ts";
import { EINVAL, ENOENT, isErrno } from "../linux/libc/errno.ts";
import { unmount } from "../linux/mount/unmount.ts";
import { Reaper } from "../linux/process/reaper.ts";
import { NetworkError } from "../rpc/errors.ts";
import type { PluginHost } from "./plugin.ts";
import type { NetworkRecord } from "./record.ts";
import { networkPaths, newRecord, readRecord } from "./record.ts";
import { setUp } from "./set_up.ts";
import { tearDown } from "./tear_down.ts";

/** A script that fails as plugins do. */
const fails = (message: string) => `echo '{"code":100,"msg":"${message}"}'; exit 1`;

/** A plugin of a script, and a network of it. */
class TestPlugin implements Disposable {
  readonly dir = Deno.makeTempDirSync();
  readonly #reaper = Reaper.start({ reapAll: false });
  readonly paths = networkPaths(`${this.dir}/network`);
  readonly leases = `${this.dir}/leases`;
  readonly host: PluginHost = {
    spawn: (argv, options) => this.#reaper.spawn(argv, options),
    dirs: [this.dir],
    timeoutMs: 60_000,
  };

  /** Sets what the plugin does. */
  does(add: string, del: string, plugin = "test"): void {
    const script = `if [ $CNI_COMMAND = ADD ]; then ${add}; else ${del}; fi`;
    writeScript(`${this.dir}/${plugin}`, script);
  }

  /** A network whose interface has this name, of plugins that run before this one, and this one. */
  planned(ifname: string, ...before: readonly string[]): NetworkRecord {
    const ipam = { type: "host-local", dataDir: this.leases };
    const plugins = [...before.map((type) => ({ type })), { type: "test", ipam }];
    const conflist = { cniVersion: "1.0.0", name: "net", plugins };
    return newRecord({ id: "web", instance: crypto.randomUUID() }, [
      { conflist, ifname, runtimeConfig: {} },
    ], []);
  }

  remove(): Promise<void> {
    return tearDown(this.host, this.paths, readRecord(this.paths));
  }

  [Symbol.dispose](): void {
    this.#reaper[Symbol.dispose]();
    try {
      for (;;) unmount(this.paths.namespace);
    } catch (error) {
      if (!isErrno(error, EINVAL, ENOENT)) throw error;
    }
    Deno.removeSync(this.dir, { recursive: true });
  }
}

Deno.test("tearDown: what a plugin says of its removal is no reason to go on, unless it said so when it failed to add", async () => {
  using test = new TestPlugin();
  const { paths, host } = test;
  // An interface that is there whatever the plugin does.
  const planned = () => test.planned("lo");
  test.does(fails("no such key"), fails("no such key"));
  await assert.rejects(setUp(host, paths, planned()), /ADD failed: no such key/);
  await test.remove();
  assert.ok(!exists(paths.dir));
  for (
    const [add, del] of [
      [fails("no address"), fails("busy")],
      ["kill -9 $$", "kill -9 $$"],
      ["echo busy >&2; exit 1", "echo busy >&2; exit 1"],
      ["true", fails("no such key")],
    ] as const
  ) {
    test.does(add, del);
    await setUp(host, paths, planned()).catch((error: unknown) => {
      assert.ok(error instanceof NetworkError, String(error));
    });
    // Also the second time: what is recorded of a removal says nothing else.
    for (let time = 0; time < 2; time++) await assert.rejects(test.remove(), /DEL failed/, add);
    test.does("true", "true");
    await test.remove();
    assert.ok(!exists(paths.dir));
  }
  // As on a full disk.
  test.does(`rm ${paths.record}; mkdir ${paths.record}; ${fails("no such key")}`, "true");
  await assert.rejects(setUp(host, paths, planned()), /ADD failed: no such key/);
  Deno.removeSync(paths.record);
  await tearDown(host, paths, planned());
  assert.ok(!exists(paths.dir));
});

Deno.test("tearDown: a plugin that fails where its interface is not any more has nothing left to remove", async () => {
  using test = new TestPlugin();
  const lease = `${test.leases}/net/10.1.0.2`;
  for (
    const [add, del] of [
      // As `host-device` and `sbr` say it, of what is not there and of what was removed before.
      [fails("no device"), fails("failed to find eth0")],
      ["true", fails("failed to find eth0")],
    ] as const
  ) {
    test.does(add, del);
    const planned = test.planned("eth0");
    await setUp(test.host, test.paths, planned).catch((error: unknown) => {
      assert.ok(error instanceof NetworkError, String(error));
    });
    Deno.mkdirSync(`${test.leases}/net`, { recursive: true });
    Deno.writeTextFileSync(lease, planned.containerId);
    // The reason may pass: only what fails once more is no reason to go on trying.
    await assert.rejects(test.remove(), /DEL failed: failed to find eth0/);
    await test.remove();
    assert.ok(!exists(test.paths.dir), add);
    assert.ok(!exists(lease), "what a plugin does not remove, berth does");
  }
  // What is no error of CNI says nothing of what is left.
  test.does("true", "echo busy >&2; exit 1");
  await setUp(test.host, test.paths, test.planned("eth0"));
  await assert.rejects(test.remove(), /DEL failed: busy/);
  // Nor does what is in the namespace, once that is gone.
  test.does("true", fails("failed to find eth0"));
  unmount(test.paths.namespace);
  await test.remove();
  assert.ok(!exists(test.paths.dir));
});

testNeeding(
  ["ip", "nsenter"],
  "tearDown: a plugin that never added, and fails while its interface is there, is run again after those before it",
  async () => {
    using test = new TestPlugin();
    const { paths, host } = test;
    const link = (command: string) => `nsenter --net=$CNI_NETNS ip link ${command}`;
    const ran = (name: string) => `echo ${name} >>${test.dir}/ran`;
    const removals = () => {
      const names = Deno.readTextFileSync(`${test.dir}/ran`).trim().split("\n");
      Deno.removeSync(`${test.dir}/ran`);
      return names;
    };
    const add = link("add eth0 type veth peer name other >&2");
    const del = `${ran("main")}; ${link("del eth0 2>/dev/null")} || true`;
    const last = (how: string) => `${ran("last")}; ${how}`;
    const setUpOne = async () => {
      const planned = test.planned("eth0", "main");
      await setUp(host, paths, planned).catch((error: unknown) => {
        assert.match(String(error), /plugin test: ADD failed: no luck/);
      });
      return planned;
    };
    test.does(add, del, "main");
    test.does(fails("no luck"), last(fails("no routes")));
    const { containerId } = await setUpOne();
    const lease = `${test.leases}/net/10.1.0.2`;
    Deno.mkdirSync(`${test.leases}/net`, { recursive: true });
    Deno.writeTextFileSync(lease, containerId);
    await test.remove();
    assert.deepEqual(removals(), ["last", "main", "last"]);
    assert.ok(!exists(paths.dir));
    assert.ok(!exists(lease), "what the plugin does not remove, berth does");

    // It succeeds once the others have: nothing is left to be said.
    test.does(
      fails("no luck"),
      last(`[ -e ${test.dir}/once ] || { >${test.dir}/once; ${fails("no")}; }`),
    );
    await setUpOne();
    await test.remove();
    assert.deepEqual(removals(), ["last", "main", "last"]);

    // Where the interface stays it is no matter of order.
    test.does(add, ran("main"), "main");
    test.does(fails("no luck"), last(fails("busy")));
    await setUpOne();
    await assert.rejects(test.remove(), /plugin test: DEL failed: busy/);
    assert.deepEqual(removals(), ["last", "main", "last"]);
    test.does(add, del, "main");
    // What is no error of CNI says nothing of what is left, the second time either.
    test.does(fails("no luck"), last(`${link("show eth0 >&2")} || exit 1; ${fails("busy")}`));
    await assert.rejects(test.remove(), /plugin test: DEL failed: .*eth0/);
    assert.deepEqual(removals(), ["last", "main", "last"]);
    test.does("true", last("true"));
    await test.remove();
    assert.deepEqual(removals(), ["last", "main"]);

    // What it added goes first: the others wait until it works.
    test.does("true", last(fails("busy")));
    await setUpOne();
    for (let time = 0; time < 2; time++) {
      await assert.rejects(test.remove(), /plugin test: DEL failed: busy/);
      assert.deepEqual(removals(), ["last"]);
    }
    test.does("true", last("true"));
    await test.remove();
    assert.ok(!exists(paths.dir));
  },
);

Deno.test("tearDown: plugins get the last result that they can read, in their network's version", async () => {
  using test = new TestPlugin();
  const { paths, host } = test;
  const good = { cniVersion: "0.4.0", ips: [{ version: "4", address: "10.1.0.2/16" }], own: 1 };
  const bad = { cniVersion: "0.4.0", ips: "x", interfaces: 5, dns: 7 };
  const prints = (result: unknown) => `echo '${JSON.stringify(result)}'`;
  const reads = (name: string) => `cat >${test.dir}/${name}.read`;
  const read = (name: string) => {
    const config = JSON.parse(Deno.readTextFileSync(`${test.dir}/${name}.read`));
    Deno.removeSync(`${test.dir}/${name}.read`);
    return config.prevResult;
  };
  test.does(prints(good), reads("main"), "main");
  test.does(`${reads("added")}; ${prints(bad)}`, reads("last"));
  await assert.rejects(
    setUp(host, paths, test.planned("eth0", "main")),
    /NetworkError: container web: .* plugin test: ADD failed: it printed no result of CNI: `interfaces` is 5/,
  );
  await test.remove();
  const converted = { ...good, cniVersion: "1.0.0" };
  for (const name of ["added", "last", "main"]) assert.deepEqual(read(name), converted, name);
  assert.ok(!exists(paths.dir));

  // As it was recorded before results were checked, and by a disk that damages.
  test.does("true", reads("last"));
  for (const result of [bad, 5]) {
    const record = await setUp(host, paths, test.planned("eth0", "main"));
    const damaged = JSON.stringify(
      record,
      (key, value) => key === "steps" ? [value[0], { done: true, result }] : value,
    );
    Deno.writeTextFileSync(paths.record, damaged);
    await test.remove();
    for (const name of ["last", "main"]) assert.deepEqual(read(name), converted, name);
    assert.ok(!exists(paths.dir));
  }
});
