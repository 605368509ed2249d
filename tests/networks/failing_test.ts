// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { writeScript } from "../harness/stand_in.ts";
import type { NetworkParams } from "../../src/rpc/contract/network/schemas.ts";
import {
  BerthError,
  DeadlineExceededError,
  FailedPreconditionError,
  InvalidParamsError,
  NetworkError,
  NotFoundError,
  ResourceExhaustedError,
} from "../../src/rpc/errors.ts";
import { exists } from "../../src/linux/fs/exists.ts";
import { unmount } from "../../src/linux/mount/unmount.ts";
import { SmallDisk } from "../harness/small_disk.ts";
import { testNeeding } from "../../scripts/test_needing.ts";
import { cli, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { listProcesses } from "../harness/processes.ts";
import { auditAfter, AUDITED_CONFIG } from "../harness/network/audited_network.ts";
import { networkTest, TestNetwork } from "../harness/network/test_network.ts";

/** Plugins and networks of a test's own, besides the system's plugins. */
class TestPlugins implements Disposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "berth-cni-" });

  /** Lines of the daemon's config. */
  config(more = ""): string {
    const dirs = JSON.stringify([`${this.dir}/bin`, "/usr/lib/cni"]);
    return `[shim]\nwarm = 0\nkeep = 0\n[network]\nplugin_dirs = ${dirs}\n` +
      `config_dir = "${this.dir}/net.d"\n${more}`;
  }

  constructor() {
    Deno.mkdirSync(`${this.dir}/bin`);
    Deno.mkdirSync(`${this.dir}/net.d`);
  }

  /** Writes a plugin: a shell script. */
  plugin(name: string, script: string): void {
    writeScript(`${this.dir}/bin/${name}`, script);
  }

  removePlugin(name: string): void {
    Deno.removeSync(`${this.dir}/bin/${name}`);
  }

  /** Writes a network of its own bridge and subnet. */
  network(name: string, subnet: string, more: readonly Record<string, unknown>[] = []): void {
    const conflist = {
      cniVersion: "1.0.0",
      name,
      plugins: [{
        type: "bridge",
        bridge: name,
        isGateway: true,
        ipMasq: true,
        capabilities: { ips: true },
        ipam: {
          type: "host-local",
          dataDir: `${this.dir}/leases`,
          ranges: [[{ subnet }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      }, ...more],
    };
    Deno.writeTextFileSync(`${this.dir}/net.d/10-${name}.conflist`, JSON.stringify(conflist));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

function create(daemon: TestDaemon, id: string, network: NetworkParams) {
  return daemon.client.call("container.create", {
    id,
    spec: daemon.spec(["sleep", "1000"]),
    network,
  });
}

async function remove(daemon: TestDaemon, ...ids: string[]): Promise<void> {
  for (const id of ids) await daemon.client.call("container.delete", { id, force: true });
}

/** Asserts that a create fails in this way, naming the container, and what `names` says. */
async function refused(
  daemon: TestDaemon,
  network: NetworkParams,
  kind: new (...args: never[]) => BerthError,
  message: RegExp,
  names: Record<string, unknown> = {},
): Promise<void> {
  await assert.rejects(create(daemon, "c", network), (error: unknown) => {
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, message);
    for (const [key, value] of Object.entries({ id: "c", ...names })) {
      assert.deepEqual(error.data[key], value, key);
    }
    return true;
  });
}

networkTest(
  "network: what can go wrong is a typed error that names plugin, network and container",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    plugins.network("front", "10.88.0.0/24", [{ type: "extra" }]);
    plugins.network("tiny", "10.88.1.0/30");
    plugins.plugin("extra", "exec /usr/lib/cni/tuning");
    await using daemon = await TestDaemon.start({
      program: network.program,
      // It holds for the plugins that work, too.
      config: plugins.config("timeout = 15\n"),
    });
    await create(daemon, "warm-up", { name: "front" });
    await remove(daemon, "warm-up");
    const audit = await auditAfter(network, daemon, { name: "tiny" }, `${plugins.dir}/leases`);

    await refused(daemon, { name: "none-such" }, NotFoundError, /no network none-such/, {
      network: "none-such",
    });
    await refused(daemon, {}, InvalidParamsError, /either `name` or `conflist`/);
    await refused(
      daemon,
      { name: "front", ports: [{ hostPort: 80, containerPort: 80 }] },
      InvalidParamsError,
      /no plugin of the network front has the capability portMappings/,
    );
    await refused(
      daemon,
      { conflist: { cniVersion: "0.1.0", name: "x", plugins: [{ type: "bridge" }] } },
      InvalidParamsError,
      /network\.conflist.*cniVersion/,
    );
    // What the plugin cannot read it can neither add nor remove.
    const typo = { type: "bridge", bridge: "typo0", mtu: "big" };
    await refused(
      daemon,
      { conflist: { cniVersion: "1.0.0", name: "typo", plugins: [typo] } },
      NetworkError,
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
      await refused(daemon, { conflist }, NetworkError, message, { plugin: plugin.type });
      await audit.assertClean(plugin.type);
    }
    const names = { network: "front", plugin: "extra" };
    const front = { name: "front" };
    // The plugin says what is wrong, says nothing, hangs with a child of its own, is killed, is gone.
    plugins.plugin(
      "extra",
      `[ $CNI_COMMAND = DEL ] || { echo '{"code":7,"msg":"no luck"}'; exit 1; }`,
    );
    await refused(daemon, front, NetworkError, /network front: plugin extra: ADD failed: no luck/, {
      ...names,
      cniCode: 7,
    });
    await audit.assertClean("a failing plugin");
    // Neither adds nor removes, whatever is there, and says so in other words.
    plugins.plugin("extra", `echo '{"code":7,"msg":"no luck in '$CNI_COMMAND'"}'; exit 1`);
    await refused(daemon, front, NetworkError, /extra: ADD failed: no luck in ADD/, names);
    await audit.assertClean("a plugin that never works");
    for (const where of ["removed first", "not there"]) {
      assert.ok(daemon.log.includes(`no luck in DEL"; eth0 is ${where}, going on`), daemon.log);
    }
    plugins.plugin("extra", "[ $CNI_COMMAND = DEL ] || { echo oops >&2; exit 3; }");
    await refused(daemon, front, NetworkError, /ADD failed: oops/, names);
    plugins.plugin("extra", "[ $CNI_COMMAND = DEL ] || echo '{garbage'");
    await refused(daemon, front, NetworkError, /printed no result of CNI: {garbage/, names);
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
      await refused(daemon, front, NetworkError, fault, names);
      await audit.assertClean(result);
    }
    // Of another version of the same it is passed on as of the network's.
    const older = `{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.88.0.9/24"}]}`;
    plugins.plugin("extra", `[ $CNI_COMMAND = DEL ] || echo '${older}'`);
    await create(daemon, "c", front);
    await remove(daemon, "c");
    await audit.assertClean("a result of another version");
    // How long its child sleeps is its name.
    const child = `sleep 1001.${Math.floor(Math.random() * 1e9)}`;
    plugins.plugin("extra", `[ $CNI_COMMAND = DEL ] || ${child}`);
    await refused(
      daemon,
      front,
      DeadlineExceededError,
      /extra: ADD did not end within 15000 ms/,
      names,
    );
    await audit.assertClean("a hanging plugin");
    await until(
      "the end of the plugin's child",
      () => !listProcesses().some(({ command }) => command === child),
    );
    plugins.plugin("extra", "[ $CNI_COMMAND = DEL ] || kill -9 $$");
    await refused(daemon, front, NetworkError, /ADD failed: it was killed by signal 9/, names);
    await audit.assertClean("a killed plugin");
    // A program of another machine: it never runs, so that nobody waits for its DEL.
    Deno.writeTextFileSync(`${plugins.dir}/bin/extra`, "\x7fELF of another machine");
    await refused(daemon, front, NetworkError, /ADD failed: .*ENOEXEC/, names);
    await audit.assertClean("a plugin that cannot be executed");
    const missing = /the plugin extra is not in .*: install containernetworking-plugins/;
    Deno.chmodSync(`${plugins.dir}/bin/extra`, 0o644);
    await refused(daemon, front, FailedPreconditionError, missing, names);
    plugins.removePlugin("extra");
    await refused(daemon, front, FailedPreconditionError, missing, names);
    const { networks } = await daemon.client.call("network.list", {});
    assert.deepEqual(networks.map(({ name, missing }) => [name, missing]), [
      ["bridge", []],
      ["front", ["extra"]],
      ["tiny", []],
    ]);
    // One address for containers.
    await create(daemon, "one", { name: "tiny" });
    await refused(daemon, { name: "tiny" }, ResourceExhaustedError, /no IP addresses available/, {
      network: "tiny",
      plugin: "bridge",
    });
    await remove(daemon, "one");
    await create(daemon, "c", { name: "tiny", ips: ["10.88.1.2"] });
    await remove(daemon, "c");
    await audit.assertClean("all of it");
  },
);

networkTest("network: a plugin that fails to remove is tried again until it succeeds", async () => {
  await using network = await TestNetwork.make();
  using plugins = new TestPlugins();
  plugins.network("front", "10.88.0.0/24", [{ type: "extra" }]);
  plugins.plugin("extra", "exec /usr/lib/cni/tuning");
  await using daemon = await TestDaemon.start({
    program: network.program,
    config: plugins.config(),
  });
  const audit = await auditAfter(network, daemon, { name: "front" }, `${plugins.dir}/leases`);
  await create(daemon, "c", { name: "front" });
  plugins.plugin("extra", "[ $CNI_COMMAND = ADD ] || { echo stuck >&2; exit 1; }");
  await assert.rejects(remove(daemon, "c"), (error: unknown) => {
    assert.ok(error instanceof NetworkError, String(error));
    assert.match(error.message, /container c: network front: plugin extra: DEL failed: stuck/);
    return true;
  });
  // The lease and the interface are there until the plugin works again; a restart changes nothing.
  await daemon.restart();
  await assert.rejects(create(daemon, "c", { name: "front" }), BerthError);
  plugins.plugin("extra", "exec /usr/lib/cni/tuning");
  await audit.assertClean("a plugin that works again");
  await until("the id is free", async () => {
    try {
      return await create(daemon, "c", { name: "front" });
    } catch (error) {
      if (error instanceof BerthError) return undefined;
      throw error;
    }
  });
  await remove(daemon, "c");
});

networkTest(
  "network: a removal that is finished later, by another daemon, leaves nothing of the container either",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    plugins.network("front", "10.88.0.0/24", [{ type: "extra" }]);
    plugins.plugin("extra", "exec /usr/lib/cni/tuning");
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: plugins.config(),
    });
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
      const removed = await cli(daemon, ["rm", "-f", "c"]);
      assert.equal(removed.code, 125);
      assert.match(removed.stderr, /plugin extra: DEL failed: stuck/);
      assert.ok(own().includes("overlay"));
      if (restarts) await daemon.restart();
      plugins.plugin("extra", "exec /usr/lib/cni/tuning");
      await until("the container is gone", async () => {
        const { containers } = await daemon.client.call("container.list", {});
        return containers.length === 0 || undefined;
      });
      assert.deepEqual(own(), []);
    }
  },
);

networkTest(
  "network: a removal on a full disk says so, and goes on once there is room",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    plugins.network("front", "10.88.0.0/24");
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: plugins.config(),
    });
    using disk = new SmallDisk(`${daemon.state}/network`, "size=1m");
    const audit = await auditAfter(network, daemon, { name: "front" }, `${plugins.dir}/leases`);
    await create(daemon, "c", { name: "front" });
    disk.fill();
    await assert.rejects(remove(daemon, "c"), (error: unknown) => {
      assert.ok(error instanceof ResourceExhaustedError, String(error));
      assert.match(
        error.message,
        /container c: its network cannot be removed yet: No space left/,
      );
      return true;
    });
    disk.empty();
    await audit.assertClean("a disk that has room again");
  },
);

networkTest(
  "network: iptables that fails is no host without rules, and tried again by itself",
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
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: plugins.config(),
      env: { PATH: `${plugins.dir}/bin:${Deno.env.get("PATH") ?? ""}` },
    });
    const audit = await auditAfter(network, daemon, { name: "front" }, `${plugins.dir}/leases`);
    await create(daemon, "c", { name: "front" });
    // The second try is one that looks for rules.
    Deno.writeTextFileSync(once, "");
    Deno.writeTextFileSync(`${plugins.dir}/broken`, "");
    await assert.rejects(daemon.client.call("container.delete", { id: "c" }), (error: unknown) => {
      assert.ok(error instanceof NetworkError, String(error));
      assert.match(error.message, /container c: .*iptables-save failed: no luck/);
      return true;
    });
    Deno.removeSync(`${plugins.dir}/broken`);
    await audit.assertClean("iptables that works again");
  },
);

networkTest(
  "network: a record that is damaged or missing is told, and its network goes all the same",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: AUDITED_CONFIG,
    });
    const ports = [{ hostPort: 8080, containerPort: 80 }];
    const audit = await auditAfter(network, daemon, { name: "bridge", ports });
    const damage = (text: string) => {
      const dir = `${daemon.state}/network/containers`;
      for (const { name } of Deno.readDirSync(dir)) {
        Deno.writeTextFileSync(`${dir}/${name}/network.json`, text);
      }
    };
    const records = `${daemon.state}/network/containers`;
    const wipe = () => {
      for (const { name } of Deno.readDirSync(records)) {
        unmount(`${records}/${name}/netns`, { detach: true });
        Deno.removeSync(`${records}/${name}`, { recursive: true });
      }
    };
    await create(daemon, "c", { name: "bridge", ports });
    damage("{");
    await remove(daemon, "c");
    await audit.assertClean("a damaged record");
    await create(daemon, "c", { name: "bridge", ports });
    for (const { name } of Deno.readDirSync(records)) {
      Deno.removeSync(`${records}/${name}/network.json`);
    }
    await remove(daemon, "c");
    await audit.assertClean("a record that is missing");
    await create(daemon, "c", { name: "bridge", ports });
    wipe();
    await remove(daemon, "c");
    await audit.assertClean("a network whose files are all missing");
    // Over a restart, with its ports.
    await create(daemon, "c", { name: "bridge", ports });
    damage(`{"format":1}`);
    await daemon.restart();
    await assert.rejects(create(daemon, "d", { name: "bridge", ports }), /taken by container c/);
    await remove(daemon, "c");
    await audit.assertClean("a damaged record and a restart");
    await create(daemon, "c", { name: "bridge", ports });
    wipe();
    await daemon.restart();
    await assert.rejects(create(daemon, "d", { name: "bridge", ports }), /taken by container c/);
    await remove(daemon, "c");
    await audit.assertClean("a network whose files are all missing, and a restart");
    const killAll = async (id: string) => {
      const { pid, shimPid } = await daemon.client.call("container.state", { id });
      await daemon.kill9();
      // The end of the shim may be that of the container.
      await network.onHost("sh", "-c", `kill -9 ${shimPid}; kill -9 ${pid}; true`);
    };
    await create(daemon, "c", { name: "bridge", ports });
    await killAll("c");
    wipe();
    await daemon.start();
    await audit.assertClean("a network whose files are all missing, and no shim");
    // Of a container whose bundle is gone, too.
    await create(daemon, "c", { name: "bridge", ports });
    await daemon.kill9();
    damage("");
    Deno.removeSync(`${daemon.state}/linux/c`, { recursive: true });
    await daemon.start();
    await audit.assertClean("a damaged record and no bundle");
    await create(daemon, "d", { name: "bridge", ports });
    await killAll("d");
    wipe();
    Deno.removeSync(`${daemon.state}/linux/d`, { recursive: true });
    await daemon.start();
    await audit.assertClean("no record and no bundle");
  },
);

networkTest(
  "network: what a plugin does before it is killed is undone, whatever that was",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: plugins.config(`subnets = ["10.87.0.0/24"]\n`),
    });
    const ports = [{ hostPort: 8080, containerPort: 80 }];
    const bridge: NetworkParams = { name: "bridge", ports };
    const audit = await auditAfter(network, daemon, bridge);
    // It would answer nowhere: the container has no IPv6 address.
    await refused(
      daemon,
      {
        name: "bridge",
        ports: [...ports, { hostIp: "2001:db8::1", hostPort: 8081, containerPort: 80 }],
      },
      FailedPreconditionError,
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
        const [made] = await Promise.allSettled([create(daemon, "c", bridge)]);
        if (command === "ADD") assert.ok(made?.status === "rejected", name);
        else await remove(daemon, "c");
        await audit.assertClean(`${name} killed after ${command}`);
        plugins.removePlugin(name);
      }
    }
    // Dies between the interface and the rules, of which a second run finds nothing.
    await create(daemon, "c", bridge);
    Deno.writeTextFileSync(once, "");
    const half = "nsenter --net=$CNI_NETNS ip link del eth0; kill -9 $$";
    plugins.plugin(
      "bridge",
      `[ $CNI_COMMAND = DEL ] && rm ${once} && { ${half}; }; ${real("bridge")}`,
    );
    await remove(daemon, "c");
    await audit.assertClean("a bridge that was killed half way");
  },
);

networkTest(
  "network: no rule is left by a plugin that reads its members in any case",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({ program: network.program });
    const ranges = [[{ subnet: "10.89.0.0/24" }]];
    const ipam = { type: "host-local", dataDir: `${daemon.dir}/leases`, ranges };
    const plugin = { type: "bridge", bridge: "odd0", isGateway: true, IPMASQ: true, ipam };
    const odd = { conflist: { cniVersion: "0.4.0", name: "odd", plugins: [plugin] } };
    const audit = await auditAfter(network, daemon, odd, ipam.dataDir);
    await create(daemon, "c", odd);
    assert.match(await network.onHost("iptables-save"), /-j MASQUERADE/);
    const { pid } = await daemon.client.call("container.state", { id: "c" });
    const inside = ["nsenter", "-t", String(pid), "-n"] as const;
    await network.onHost(...inside, "ip", "addr", "flush", "dev", "eth0");
    await remove(daemon, "c");
    await audit.assertClean("an address that was taken away");
  },
);

networkTest(
  "network: no rule is left by a plugin that runs another with a configuration of its own",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: plugins.config(),
    });
    plugins.plugin("fannel", `sed 's/"own":1/"ipMasq":true/' | /usr/lib/cni/bridge`);
    const ranges = [[{ subnet: "10.89.0.0/24" }]];
    const ipam = { type: "host-local", dataDir: `${daemon.dir}/leases`, ranges };
    const plugin = { type: "fannel", bridge: "odd0", isGateway: true, own: 1, ipam };
    const odd = { conflist: { cniVersion: "0.4.0", name: "odd", plugins: [plugin] } };
    const audit = await auditAfter(network, daemon, odd, ipam.dataDir);
    await create(daemon, "c", odd);
    assert.match(await network.onHost("iptables-save"), /-j MASQUERADE/);
    const { pid } = await daemon.client.call("container.state", { id: "c" });
    await network.onHost("nsenter", "-t", String(pid), "-n", "ip", "link", "del", "eth0");
    await remove(daemon, "c");
    await audit.assertClean("an interface that was taken away");
  },
);

networkTest(
  "network: no rule is left of a container that has changed its interface",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: `[shim]\nwarm = 0\nkeep = 0\n[network]\nsubnets = ["10.87.0.0/24", "fd87::/64"]\n`,
    });
    const bridge: NetworkParams = {
      name: "bridge",
      ports: [{ hostPort: 8080, containerPort: 80 }],
    };
    const audit = await auditAfter(network, daemon, bridge);
    for (
      const change of [
        "ip addr flush dev eth0",
        "ip -6 addr flush dev eth0",
        "ip link set eth0 down",
        "ip link set eth0 down name foo",
        "ip link del eth0",
        // Its address on another interface, under the label of the first.
        "address=$(ip -4 -o addr show dev eth0 | awk '{ print $4 }'); ip -4 addr flush dev eth0;" +
        "ip link add eth type veth peer name other; ip addr add $address dev eth label eth0;" +
        "ip link set eth up; ip link set other up",
      ]
    ) {
      await create(daemon, "c", bridge);
      const { pid } = await daemon.client.call("container.state", { id: "c" });
      await network.onHost("nsenter", "-t", String(pid), "-n", "sh", "-c", change);
      await remove(daemon, "c");
      await audit.assertClean(change);
    }
  },
);

networkTest("network: a container in two networks, and one by a conflist of its own", async () => {
  await using network = await TestNetwork.make();
  using plugins = new TestPlugins();
  plugins.network("front", "10.88.0.0/24");
  plugins.network("back", "10.88.1.0/24");
  await using daemon = await TestDaemon.start({
    program: network.program,
    config: plugins.config(`subnets = ["10.87.0.0/24"]\n`),
  });
  const both: NetworkParams = {
    name: "front",
    additional: [{ name: "back", ips: ["10.88.1.77"] }],
  };
  const audit = await auditAfter(network, daemon, both, `${plugins.dir}/leases`);
  await create(daemon, "both", both);
  const { network: state } = await daemon.client.call("container.state", { id: "both" });
  assert.deepEqual(
    state?.interfaces.map((one) => [one.network, one.interface]),
    [["front", "eth0"], ["back", "eth1"]],
  );
  assert.deepEqual(state?.interfaces[1]?.addresses, ["10.88.1.77/24"]);
  const { pid } = await daemon.client.call("container.state", { id: "both" });
  const inside = await network.onHost("nsenter", "-t", String(pid), "-n", "ip", "-o", "addr");
  assert.match(inside, /eth0 +inet 10\.88\.0\.\d+\/24/);
  assert.match(inside, /eth1 +inet 10\.88\.1\.77\/24/);
  // Both networks give one.
  const routes = await network.onHost(
    ...["nsenter", "-t", String(pid), "-n", "ip", "route", "show", "default"],
  );
  assert.equal(routes.trim(), "default via 10.88.0.1 dev eth0");
  await remove(daemon, "both");
  await refusedTwice(daemon);
  await audit.assertClean("two networks");
  const conflist = {
    cniVersion: "1.0.0",
    name: "own",
    plugins: [{
      type: "ptp",
      ipam: { type: "host-local", subnet: "10.88.2.0/24", dataDir: `${plugins.dir}/leases` },
    }],
  };
  await create(daemon, "c", { conflist });
  const { networks } = await daemon.client.call("network.list", {});
  assert.deepEqual(networks.map(({ name }) => name), ["back", "bridge", "front", "own"]);
  const bad = `${plugins.dir}/net.d/20-bad.conflist`;
  Deno.writeTextFileSync(bad, "{}");
  const { unusable } = await daemon.client.call("network.list", {});
  assert.deepEqual(unusable, [{ file: bad, reason: "has no valid `name`" }]);
  const { stdout, stderr } = await cli(daemon, ["network", "ls", "-q"]);
  assert.equal(stderr, `berth: ${bad} cannot be used: has no valid \`name\`\n`);
  assert.equal(stdout, "back\nbridge\nfront\nown\n");
  await remove(daemon, "c");
  await audit.assertClean("a conflist");
});

async function refusedTwice(daemon: TestDaemon): Promise<void> {
  await refused(
    daemon,
    { name: "front", additional: [{ name: "front" }] },
    InvalidParamsError,
    /front is named twice/,
  );
}

testNeeding(
  ["ip"],
  "container.create: the loopback is up in a namespace that a spec names by its path",
  async () => {
    const name = `bl-${crypto.randomUUID().slice(0, 8)}`;
    const ip = async (...args: string[]) => {
      const { success, stdout } = await new Deno.Command("ip", { args }).output();
      assert.ok(success, args.join(" "));
      return new TextDecoder().decode(stdout);
    };
    await ip("netns", "add", name);
    try {
      await using daemon = await TestDaemon.start();
      assert.doesNotMatch(await ip("-n", name, "link", "show", "lo"), /LOOPBACK,UP/);
      const namespaces = [
        ...["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
        { type: "network", path: `/run/netns/${name}` },
      ];
      await daemon.run("c", ["sleep", "1000"], { linux: { namespaces } });
      assert.match(await ip("-n", name, "link", "show", "lo"), /LOOPBACK,UP/);
      await remove(daemon, "c");
    } finally {
      await ip("netns", "del", name);
    }
  },
);

Deno.test("container.create: a path that is no network namespace is refused, a FIFO at once", async () => {
  await using daemon = await TestDaemon.start();
  const fifo = `${daemon.dir}/fifo`;
  await new Deno.Command("mkfifo", { args: [fifo] }).output();
  for (const path of [fifo, daemon.dir, "/proc/self/ns/uts"]) {
    const namespaces = [
      ...["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
      { type: "network", path },
    ];
    await assert.rejects(
      daemon.client.call("container.create", {
        id: "c",
        spec: daemon.spec(["true"], { linux: { namespaces } }),
      }),
      (error: unknown) => {
        assert.ok(error instanceof FailedPreconditionError, String(error));
        assert.match(error.message, /create container c: .* is no network namespace/);
        return true;
      },
    );
  }
});
