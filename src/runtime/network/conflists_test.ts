// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { PluginConf } from "../../network/conflist.ts";
import { FailedPreconditionError, NotFoundError } from "../../rpc/errors.ts";
import { loadConfig } from "../config/config.ts";
import { Conflists } from "./conflists.ts";

/** Conflists of a configuration directory of their own, beside a directory of plugins. */
class TestConflists implements Disposable {
  readonly dir = Deno.makeTempDirSync();
  readonly conflists: Conflists;

  constructor(files: Record<string, unknown>, plugins: readonly string[] = []) {
    for (const name of ["net.d", "plugins"]) Deno.mkdirSync(`${this.dir}/${name}`);
    for (const [name, value] of Object.entries(files)) {
      Deno.writeTextFileSync(`${this.dir}/net.d/${name}`, JSON.stringify(value));
    }
    for (const plugin of plugins) {
      Deno.writeTextFileSync(`${this.dir}/plugins/${plugin}`, "", { mode: 0o755 });
    }
    const config = loadConfig({ config: "/dev/null", state: this.dir });
    const network = {
      ...config.network,
      config_dir: `${this.dir}/net.d`,
      plugin_dirs: [`${this.dir}/plugins`],
    };
    this.conflists = new Conflists({ ...config, network });
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

function network(name: string, ...plugins: PluginConf[]) {
  return { cniVersion: "1.0.0", name, plugins };
}

Deno.test("Conflists.find: a configured network, and the one that berth brings", () => {
  const front = network("front", { type: "macvlan" });
  using area = new TestConflists({ "10-front.conflist": front }, ["firewall"]);
  assert.deepEqual(area.conflists.find("front", false, "web"), front);
  const typesOf = (ports: boolean) =>
    area.conflists.find("bridge", ports, "web").plugins.map(({ type }) => type);
  assert.deepEqual(typesOf(false), ["bridge", "firewall"]);
  assert.deepEqual(typesOf(true), ["bridge", "portmap", "firewall"]);
});

Deno.test("Conflists.find: none of that name, with the files that cannot be used", () => {
  using area = new TestConflists({ "10-bad.conflist": { name: "back" } });
  assert.throws(() => area.conflists.find("back", false, "web"), (error) => {
    assert.ok(error instanceof NotFoundError);
    assert.match(error.message, /container web: no network back in .*; .*10-bad\.conflist cannot/);
    assert.deepEqual(error.data, { id: "web", network: "back" });
    return true;
  });
});

Deno.test("Conflists.all: those of the directory come before others of the same name", () => {
  using area = new TestConflists({ "10-front.conflist": network("front", { type: "macvlan" }) });
  const gone = network("gone", { type: "ptp" });
  const known = area.conflists.all([network("front", { type: "ptp" }), gone]);
  assert.deepEqual([...known.keys()].sort(), ["bridge", "front", "gone"]);
  assert.equal(known.get("front")?.file, `${area.dir}/net.d/10-front.conflist`);
  assert.deepEqual(known.get("front")?.conflist.plugins, [{ type: "macvlan" }]);
  assert.deepEqual(known.get("gone"), { conflist: gone });
  assert.equal(known.get("bridge")?.file, undefined);
});

Deno.test("Conflists.unusable: the files that are no configuration, or of a name that is taken, with the reasons", () => {
  const front = network("front", { type: "macvlan" });
  using area = new TestConflists({
    "10-front.conflist": front,
    "20-bad.conflist": { name: "bad" },
    "30-bridge.conflist": network("bridge", { type: "macvlan" }),
    "40-front.conflist": network("front", { type: "ptp" }),
    "50-host.conflist": network("host", { type: "ptp" }),
    "60-none.conflist": network("none", { type: "ptp" }),
  });
  const [bad, ...more] = area.conflists.unusable();
  assert.equal(bad?.file, `${area.dir}/net.d/20-bad.conflist`);
  assert.match(bad.reason, /cniVersion/);
  assert.deepEqual(more, [
    {
      file: `${area.dir}/net.d/30-bridge.conflist`,
      reason: "has the `name` bridge, which is berth's own",
    },
    {
      file: `${area.dir}/net.d/40-front.conflist`,
      reason: `has the same \`name\` as ${area.dir}/net.d/10-front.conflist, which comes first`,
    },
    ...["50-host", "60-none"].map((name) => ({
      file: `${area.dir}/net.d/${name}.conflist`,
      reason: `has the \`name\` ${name.slice(3)}, which is berth's own`,
    })),
  ]);
  assert.deepEqual(area.conflists.find("front", false, "web"), front);
  assert.equal(area.conflists.all([]).get("bridge")?.file, undefined);
});

Deno.test("Conflists.requirePlugins: each plugin has to be there, that of the addresses too", () => {
  using area = new TestConflists({}, ["bridge", "host-local"]);
  const { conflists } = area;
  const front = network("front", { type: "bridge", ipam: { type: "host-local" } });
  conflists.requirePlugins(front, "web");
  const back = network("back", { type: "bridge", ipam: { type: "dhcp" } }, { type: "tuning" });
  assert.deepEqual(conflists.missing(back), ["dhcp", "tuning"]);
  assert.throws(() => conflists.requirePlugins(back, "web"), (error) => {
    assert.ok(error instanceof FailedPreconditionError);
    assert.match(error.message, /network back: the plugins dhcp, tuning are not in .*\/plugins: /);
    assert.deepEqual(error.data, { id: "web", network: "back", plugin: "dhcp" });
    return true;
  });
  assert.match(conflists.describeMissing(["dhcp"]), /^the plugin dhcp is not in /);
});
