// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { NetworkParams } from "../../src/rpc/contract/schemas/network.ts";
import { BerthError } from "../../src/rpc/errors.ts";
import { exists } from "../../src/linux/fs/exists.ts";
import { unmount } from "../../src/linux/mount/unmount.ts";
import { SmallDisk } from "../harness/small_disk.ts";
import { cli, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { namesIn } from "../harness/leaks/traces.ts";
import { until } from "../harness/poll.ts";
import { auditAfter, AUDITED_CONFIG, createIn } from "../harness/network/audited_network.ts";
import { NetworkAudit, networkTest, TestNetwork } from "../harness/network/test_network.ts";
import { assertRefused, TestPlugins } from "../harness/network/test_plugins.ts";

networkTest(
  "networks: a plugin that fails to remove is tried again until it succeeds",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    plugins.network("front", "10.88.0.0/24", [{ type: "extra" }]);
    plugins.plugin("extra", "exec /usr/lib/cni/tuning");
    await using daemon = await plugins.startDaemon(network);
    const audit = await auditAfter(network, daemon, { name: "front" }, plugins.leases);
    await createIn(daemon, "c", { name: "front" });
    plugins.plugin("extra", "[ $CNI_COMMAND = ADD ] || { echo stuck >&2; exit 1; }");
    await assert.rejects(daemon.client.call("container.delete", { id: "c" }), {
      kind: "NetworkError",
      message: /container c: network front: plugin extra: DEL failed: stuck/,
    });
    // The lease and the interface are there until the plugin works again; a restart changes nothing.
    await daemon.restart();
    await assert.rejects(createIn(daemon, "c", { name: "front" }), BerthError);
    plugins.plugin("extra", "exec /usr/lib/cni/tuning");
    await audit.assertClean("a plugin that works again");
    await until("the id is free", async () => {
      try {
        return await createIn(daemon, "c", { name: "front" });
      } catch (error) {
        if (error instanceof BerthError) return undefined;
        throw error;
      }
    });
    await daemon.remove("c");
  },
);

networkTest(
  "networks: a removal that is finished later, by another daemon, leaves nothing of the container either",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    plugins.network("front", "10.88.0.0/24", [{ type: "extra" }]);
    plugins.plugin("extra", "exec /usr/lib/cni/tuning");
    await using daemon = await plugins.startDaemon(network);
    const own = () =>
      ["io", "overlay", "etc", "volumes", "logs"]
        .filter((kind) => exists(`${daemon.root}/${kind}/c`));
    for (const restarts of [false, true]) {
      const made = await cli(daemon, [
        ...["run", "-di", "--name", "c", ...rootfsArgs(daemon), "--overlay", "-v", "/data"],
        ...["--net", "front", "--", "sleep", "1000"],
      ]);
      assert.equal(made.code, 0, made.stderr);
      assert.deepEqual(own(), ["io", "overlay", "etc", "volumes", "logs"]);
      plugins.plugin("extra", "[ $CNI_COMMAND = ADD ] || { echo stuck >&2; exit 1; }");
      const removed = await cli(daemon, ["stop", "c"]).then(() => cli(daemon, ["rm", "c"]));
      assert.equal(removed.code, 125);
      assert.match(removed.stderr, /plugin extra: DEL failed: stuck/);
      assert.ok(own().includes("overlay"));
      if (restarts) await daemon.restart();
      plugins.plugin("extra", "exec /usr/lib/cni/tuning");
      await daemon.untilEmpty();
      assert.deepEqual(own(), []);
    }
  },
);

networkTest(
  "berth run --rm: has the container's own status, and says what is left, where a network is not removed",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    plugins.network("front", "10.88.0.0/24", [{ type: "extra" }]);
    plugins.plugin(
      "extra",
      "[ $CNI_COMMAND = DEL ] || exec /usr/lib/cni/tuning; echo stuck >&2; exit 1",
    );
    await using daemon = await plugins.startDaemon(network);
    const run = await cli(daemon, [
      ...["run", "--rm", "--name", "c", ...rootfsArgs(daemon), "--net", "front"],
      ...["--", "sh", "-c", "exit 3"],
    ]);
    assert.equal(run.code, 3, run.stderr);
    assert.match(run.stderr, /^berth: removing c: .*DEL failed: stuck.* "berth rm --force c"\n$/);
    plugins.plugin("extra", "exec /usr/lib/cni/tuning");
    await daemon.untilEmpty();
  },
);

networkTest(
  "networks: rm -f removes a container while iptables is out of order, and its rules go later",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    const broken = `${plugins.dir}/broken`;
    for (const name of ["iptables", "ip6tables", "iptables-save", "ip6tables-save"]) {
      plugins.plugin(
        name,
        `[ -e ${broken} ] && { echo no luck >&2; exit 1; }
        exec $(PATH=\${PATH#*:} command -v ${name}) "$@"`,
      );
    }
    const env = { PATH: `${plugins.dir}/bin:${Deno.env.get("PATH")}` };
    await using daemon = await plugins.startDaemon(network, "", env);
    const run = (...more: string[]) =>
      cli(daemon, [
        ...["run", "-d", "--name", "c", ...more, ...rootfsArgs(daemon), "--net", "bridge"],
        ...["-p", "8080:80", "--", "sleep", "1000"],
      ]);
    assert.equal((await run()).code, 0);
    assert.equal((await cli(daemon, ["rm", "-f", "c"])).stderr, "");
    const audit = await NetworkAudit.take(network, daemon);
    for (const [restarts, wasTried] of [[false, false], [true, true]]) {
      assert.equal((await run("--restart", "always")).stderr, "");
      Deno.writeTextFileSync(broken, "");
      if (wasTried) await cli(daemon, ["stop", "--time", "1", "c"]);
      const removed = await cli(daemon, ["rm", "-f", "c"]);
      assert.deepEqual([removed.code, removed.stdout], [0, "c\n"], removed.stderr);
      assert.match(
        removed.stderr,
        /^berth: c is removed, but .*DEL failed: .*iptables.*; .* goes on trying\n$/,
      );
      assert.deepEqual(await daemon.containerIds(), []);
      if (restarts) await daemon.restart();
      // The rules still lead there.
      assert.match(
        (await run()).stderr,
        /port 8080\/tcp of the host is taken by the network that is left of container c/,
      );
      Deno.removeSync(broken);
      await audit.assertClean("iptables that works again");
    }
    await until("the port is free", async () => (await run()).code === 0);
    await daemon.remove("c");
  },
);

networkTest(
  "networks: a network left of a container that is gone leaves the addresses of the next one alone",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    plugins.network("front", "10.88.0.0/24", [{ type: "extra" }]);
    plugins.network("back", "10.89.0.0/24");
    plugins.plugin(
      "extra",
      "[ $CNI_COMMAND = ADD ] || { echo stuck >&2; exit 1; }\n" +
        "exec /usr/lib/cni/tuning",
    );
    await using daemon = await plugins.startDaemon(network);
    await createIn(daemon, "c", { name: "front" });
    const { networkLeft } = await daemon.client.call("container.delete", { id: "c", force: true });
    assert.match(networkLeft ?? "", /stuck/);
    const addressOf = async () => (await daemon.stateOf("c")).network?.interfaces[0]?.addresses[0];
    await daemon.client.call("container.create", {
      id: "c",
      spec: daemon.spec(["sleep", "1000"]),
      network: { name: "back" },
      restart: { policy: "on-failure" },
    });
    await daemon.client.call("container.start", { id: "c" });
    const address = await addressOf();
    // With the machine, by which its network goes and its addresses are kept.
    await daemon.client.call("container.stop", { id: "c", timeout: 0, shutdown: true });
    assert.equal(await addressOf(), undefined);
    await daemon.restart();
    plugins.plugin("extra", "exec /usr/lib/cni/tuning");
    const leases = `${plugins.leases}/front`;
    await until("the network is gone", () => !namesIn(leases).some((name) => /^\d/.test(name)));
    await daemon.client.call("container.start", { id: "c" });
    assert.equal(await addressOf(), address);
    await daemon.remove("c");
  },
);

networkTest(
  "networks: a removal on a full disk says so, and goes on once there is room",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    plugins.network("front", "10.88.0.0/24");
    await using daemon = await plugins.startDaemon(network);
    using disk = new SmallDisk(`${daemon.state}/network`, "size=1m");
    const audit = await auditAfter(network, daemon, { name: "front" }, plugins.leases);
    await createIn(daemon, "c", { name: "front" });
    disk.fill();
    await assert.rejects(daemon.client.call("container.delete", { id: "c" }), {
      kind: "ResourceExhausted",
      message: /container c: its network cannot be removed yet: No space left/,
    });
    disk.empty();
    await audit.assertClean("a disk that has room again");
  },
);

networkTest(
  "networks: iptables that fails is no host without rules, and tried again by itself",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    plugins.network("front", "10.88.0.0/24", [{ type: "extra" }]);
    const once = `${plugins.dir}/once`;
    plugins.plugin(
      "extra",
      `[ $CNI_COMMAND = DEL ] && rm ${once} 2>/dev/null && exit 1; exec /usr/lib/cni/tuning`,
    );
    plugins.plugin(
      "iptables-save",
      `[ -e ${plugins.dir}/broken ] && { echo no luck >&2; exit 1; }
    exec $(PATH=\${PATH#*:} command -v iptables-save) "$@"`,
    );
    const env = { PATH: `${plugins.dir}/bin:${Deno.env.get("PATH")}` };
    await using daemon = await plugins.startDaemon(network, "", env);
    const audit = await auditAfter(network, daemon, { name: "front" }, plugins.leases);
    await createIn(daemon, "c", { name: "front" });
    // The second try is one that looks for rules.
    Deno.writeTextFileSync(once, "");
    Deno.writeTextFileSync(`${plugins.dir}/broken`, "");
    await assert.rejects(daemon.client.call("container.delete", { id: "c" }), {
      kind: "NetworkError",
      message: /container c: .*iptables-save failed: no luck/,
    });
    Deno.removeSync(`${plugins.dir}/broken`);
    await audit.assertClean("iptables that works again");
  },
);

networkTest(
  "networks: a record that is damaged or missing is told, and its network goes all the same",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: AUDITED_CONFIG,
    });
    const bridge = { name: "bridge", ports: [{ hostPort: 8080, containerPort: 80 }] };
    const audit = await auditAfter(network, daemon, bridge);
    const records = `${daemon.state}/network/containers`;
    const damage = (text: string) => {
      for (const { name } of Deno.readDirSync(records)) {
        Deno.writeTextFileSync(`${records}/${name}/network.json`, text);
      }
    };
    const wipe = () => {
      for (const { name } of Deno.readDirSync(records)) {
        unmount(`${records}/${name}/netns`, { detach: true });
        Deno.removeSync(`${records}/${name}`, { recursive: true });
      }
    };
    await createIn(daemon, "c", bridge);
    damage("{");
    await daemon.remove("c");
    await audit.assertClean("a damaged record");
    await createIn(daemon, "c", bridge);
    for (const { name } of Deno.readDirSync(records)) {
      Deno.removeSync(`${records}/${name}/network.json`);
    }
    await daemon.remove("c");
    await audit.assertClean("a record that is missing");
    await createIn(daemon, "c", bridge);
    wipe();
    await daemon.remove("c");
    await audit.assertClean("a network whose files are all missing");
    // Over a restart, with its ports.
    await createIn(daemon, "c", bridge);
    damage(`{"format":1}`);
    await daemon.restart();
    await assert.rejects(createIn(daemon, "d", bridge), /taken by container c/);
    await daemon.remove("c");
    await audit.assertClean("a damaged record and a restart");
    await createIn(daemon, "c", bridge);
    wipe();
    await daemon.restart();
    await assert.rejects(createIn(daemon, "d", bridge), /taken by container c/);
    await daemon.remove("c");
    await audit.assertClean("a network whose files are all missing, and a restart");
    const killAll = async (id: string) => {
      const { pid, shimPid } = await daemon.stateOf(id);
      await daemon.kill9();
      // The end of the shim may be that of the container.
      await network.onHost("sh", "-c", `kill -9 ${shimPid}; kill -9 ${pid}; true`);
    };
    await createIn(daemon, "c", bridge);
    await killAll("c");
    wipe();
    await daemon.start();
    await audit.assertClean("a network whose files are all missing, and no shim");
    // Of a container whose bundle is gone, too.
    await createIn(daemon, "c", bridge);
    await daemon.kill9();
    damage("");
    Deno.removeSync(`${daemon.state}/linux/c`, { recursive: true });
    await daemon.start();
    await audit.assertClean("a damaged record and no bundle");
    await createIn(daemon, "d", bridge);
    await killAll("d");
    wipe();
    Deno.removeSync(`${daemon.state}/linux/d`, { recursive: true });
    await daemon.start();
    await audit.assertClean("no record and no bundle");
  },
);

networkTest(
  "networks: what a plugin does before it is killed is undone, whatever that was",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    await using daemon = await plugins.startDaemon(network, `subnets = ["10.87.0.0/24"]\n`);
    const ports = [{ hostPort: 8080, containerPort: 80 }];
    const bridge: NetworkParams = { name: "bridge", ports };
    const audit = await auditAfter(network, daemon, bridge);
    // It would answer nowhere: the container has no IPv6 address.
    await assertRefused(
      daemon,
      {
        name: "bridge",
        ports: [...ports, { hostIp: "2001:db8::1", hostPort: 8081, containerPort: 80 }],
      },
      "FailedPrecondition",
      /port \[2001:db8::1\]:8081\/tcp of the host leads nowhere: .* no IPv6 address/,
    );
    await audit.assertClean("a port that leads nowhere");
    const once = `${plugins.dir}/once`;
    const real = (name: string) => `exec /usr/lib/cni/${name}`;
    for (const command of ["ADD", "DEL"]) {
      for (const name of ["bridge", "portmap", "firewall", "host-local"]) {
        // Dies when it has done all of it, but said nothing.
        Deno.writeTextFileSync(once, "");
        const all = `/usr/lib/cni/${name} >/dev/null; kill -9 $$`;
        plugins.plugin(
          name,
          `[ $CNI_COMMAND = ${command} ] && rm ${once} && { ${all}; }; ${real(name)}`,
        );
        const [made] = await Promise.allSettled([createIn(daemon, "c", bridge)]);
        if (command === "ADD") assert.ok(made?.status === "rejected", name);
        else await daemon.remove("c");
        await audit.assertClean(`${name} killed after ${command}`);
        plugins.removePlugin(name);
      }
    }
    // Dies between the interface and the rules, of which a second run finds nothing.
    await createIn(daemon, "c", bridge);
    Deno.writeTextFileSync(once, "");
    const half = "nsenter --net=$CNI_NETNS ip link del eth0; kill -9 $$";
    plugins.plugin(
      "bridge",
      `[ $CNI_COMMAND = DEL ] && rm ${once} && { ${half}; }; ${real("bridge")}`,
    );
    await daemon.remove("c");
    await audit.assertClean("a bridge that was killed half way");
  },
);
