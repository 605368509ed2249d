// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../harness/poll.ts";
import { listProcesses } from "../harness/processes.ts";
import { auditAfter, createIn } from "../harness/network/audited_network.ts";
import { networkTest, TestNetwork } from "../harness/network/test_network.ts";
import { assertRefused, TestPlugins } from "../harness/network/test_plugins.ts";

networkTest(
  "networks: what can go wrong is a typed error that names plugin, network and container",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    plugins.network("front", "10.88.0.0/24", [{ type: "extra" }]);
    plugins.network("tiny", "10.88.1.0/30");
    plugins.plugin("extra", "exec /usr/lib/cni/tuning");
    // It holds for the plugins that work, too.
    await using daemon = await plugins.startDaemon(network, "timeout = 15\n");
    await createIn(daemon, "warm-up", { name: "front" });
    await daemon.remove("warm-up");
    const audit = await auditAfter(network, daemon, { name: "tiny" }, plugins.leases);

    await assertRefused(daemon, { name: "none-such" }, "NotFound", /no network none-such/, {
      network: "none-such",
    });
    await assertRefused(daemon, {}, "InvalidParams", /either `name` or `conflist`/);
    await assertRefused(
      daemon,
      { name: "front", ports: [{ hostPort: 80, containerPort: 80 }] },
      "InvalidParams",
      /no plugin of the network front has the capability portMappings/,
    );
    await assertRefused(
      daemon,
      { conflist: { cniVersion: "0.1.0", name: "x", plugins: [{ type: "bridge" }] } },
      "InvalidParams",
      /network\.conflist.*cniVersion/,
    );
    // What the plugin cannot read it can neither add nor remove.
    const typo = { type: "bridge", bridge: "typo0", mtu: "big" };
    await assertRefused(
      daemon,
      { conflist: { cniVersion: "1.0.0", name: "typo", plugins: [typo] } },
      "NetworkError",
      /network typo: plugin bridge: ADD failed: failed to load netconf/,
      { network: "typo", plugin: "bridge" },
    );
    await audit.assertClean("a configuration that a plugin refuses");
    // Both fail to remove in other words than to add.
    for (
      const [plugin, message] of [
        [{ type: "host-device", device: "eht1" }, /plugin host-device: ADD failed: .*not found/i],
        [{ type: "sbr" }, /plugin sbr: ADD failed: .*must be called as chained plugin/],
      ] as const
    ) {
      const conflist = { cniVersion: "1.0.0", name: "typo", plugins: [plugin] };
      await assertRefused(daemon, { conflist }, "NetworkError", message, { plugin: plugin.type });
      await audit.assertClean(plugin.type);
    }
    const names = { network: "front", plugin: "extra" };
    const front = { name: "front" };
    // The plugin says what is wrong, says nothing, hangs with a child of its own, is killed, is gone.
    plugins.plugin(
      "extra",
      `[ $CNI_COMMAND = DEL ] || { echo '{"code":7,"msg":"no luck"}'; exit 1; }`,
    );
    await assertRefused(
      daemon,
      front,
      "NetworkError",
      /network front: plugin extra: ADD failed: no luck/,
      {
        ...names,
        cniCode: 7,
      },
    );
    await audit.assertClean("a failing plugin");
    // Neither adds nor removes, whatever is there, and says so in other words.
    plugins.plugin("extra", `echo '{"code":7,"msg":"no luck in '$CNI_COMMAND'"}'; exit 1`);
    await assertRefused(daemon, front, "NetworkError", /extra: ADD failed: no luck in ADD/, names);
    await audit.assertClean("a plugin that never works");
    for (const where of ["removed first", "not there"]) {
      assert.ok(daemon.log.includes(`no luck in DEL"; eth0 is ${where}, going on`), daemon.log);
    }
    plugins.plugin("extra", "[ $CNI_COMMAND = DEL ] || { echo oops >&2; exit 3; }");
    await assertRefused(daemon, front, "NetworkError", /ADD failed: oops/, names);
    plugins.plugin("extra", "[ $CNI_COMMAND = DEL ] || echo '{garbage'");
    await assertRefused(daemon, front, "NetworkError", /printed no result of CNI: {garbage/, names);
    await audit.assertClean("a plugin that prints no result");
    // The plugins before it could not remove anything if they were given that.
    for (
      const [result, fault] of [
        [`{"cniVersion":"1.0.0","ips":"x","interfaces":5,"dns":7}`, /`interfaces` is 5: expected/],
        [
          `{"cniVersion":"1.0.0","ips":[{"address":"10.88.0.300/24"}]}`,
          /`ips.0.address` is "10.88/,
        ],
        [`{"cniVersion":"0.2.0"}`, /`cniVersion` is "0.2.0"/],
        [`{"x":${"[".repeat(12_000)}${"]".repeat(12_000)}}`, /it has more than 100 levels/],
      ] as const
    ) {
      plugins.plugin("extra", `[ $CNI_COMMAND = DEL ] || echo '${result}'`);
      await assertRefused(daemon, front, "NetworkError", fault, names);
      await audit.assertClean(result);
    }
    // Of another version of the same it is passed on as of the network's.
    const older = `{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.88.0.9/24"}]}`;
    plugins.plugin("extra", `[ $CNI_COMMAND = DEL ] || echo '${older}'`);
    await createIn(daemon, "c", front);
    await daemon.remove("c");
    await audit.assertClean("a result of another version");
    // How long its child sleeps is its name.
    const child = `sleep 1001.${Math.floor(Math.random() * 1e9)}`;
    plugins.plugin("extra", `[ $CNI_COMMAND = DEL ] || ${child}`);
    await assertRefused(
      daemon,
      front,
      "DeadlineExceeded",
      /extra: ADD did not end within 15000 ms/,
      names,
    );
    await audit.assertClean("a hanging plugin");
    await until(
      "the end of the plugin's child",
      () => !listProcesses().some(({ command }) => command === child),
    );
    plugins.plugin("extra", "[ $CNI_COMMAND = DEL ] || kill -9 $$");
    await assertRefused(
      daemon,
      front,
      "NetworkError",
      /ADD failed: it was killed by signal 9/,
      names,
    );
    await audit.assertClean("a killed plugin");
    // A program of another machine: it never runs, so that nobody waits for its DEL.
    Deno.writeTextFileSync(`${plugins.dir}/bin/extra`, "\x7fELF of another machine");
    await assertRefused(daemon, front, "NetworkError", /ADD failed: .*ENOEXEC/, names);
    await audit.assertClean("a plugin that cannot be executed");
    const missing = /the plugin extra is not in .*: install containernetworking-plugins/;
    Deno.chmodSync(`${plugins.dir}/bin/extra`, 0o644);
    await assertRefused(daemon, front, "FailedPrecondition", missing, names);
    plugins.removePlugin("extra");
    await assertRefused(daemon, front, "FailedPrecondition", missing, names);
    const { networks } = await daemon.client.call("network.list", {});
    assert.deepEqual(networks.map(({ name, missing }) => [name, missing]), [
      ["bridge", []],
      ["front", ["extra"]],
      ["tiny", []],
    ]);
    // One address for containers.
    await createIn(daemon, "one", { name: "tiny" });
    await assertRefused(
      daemon,
      { name: "tiny" },
      "ResourceExhausted",
      /no IP addresses available/,
      {
        network: "tiny",
        plugin: "bridge",
      },
    );
    await daemon.remove("one");
    await createIn(daemon, "c", { name: "tiny", ips: ["10.88.1.2"] });
    await daemon.remove("c");
    await audit.assertClean("all of it");
  },
);
