// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../harness/temp_dir.ts";
import { cli, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxLayer, cgroupArgs, imageTest, makeImage } from "../harness/images/images.ts";
import { openAbove } from "../harness/files.ts";
import { NetworkAudit, networkTest, TestNetwork } from "../harness/network/test_network.ts";

// The machine's own networks, such as podman's, are not in its lists.
const CONFIG = `[network]\nconfig_dir = "/nonexistent"\nsubnets = ["10.87.0.0/24"]\n`;

/** A server of its own hosts file. */
const SERVER = ["--", "httpd", "-f", "-p", "8000", "-h", "/etc"];

networkTest("berth run -p, port, ps, network ls: ports and names, as docker has them", async () => {
  await using network = await TestNetwork.make();
  await using daemon = await TestDaemon.start({ program: network.program, config: CONFIG });
  const berth = async (...args: string[]) => (await ok(daemon, ...args)).trim();
  const run = (...args: string[]) => berth("run", "-d", ...rootfsArgs(daemon), ...args);
  await run("--name", "warm-up", "-p", "8080:8000", ...SERVER);
  await berth("rm", "-f", "warm-up");
  const audit = await NetworkAudit.take(network, daemon);

  await run(
    ...["--name", "web", "-p", "8080-8081:8000-8001", "-p", "127.0.0.1:5353:53/udp"],
    ...["--ip", "10.87.0.77", "--mac-address", "02:42:0a:57:00:4d", "--network-alias", "www"],
    ...["--add-host", "host.docker.internal:host-gateway"],
    ...SERVER,
  );
  const hosts = await network.getUntilThere("http://192.0.2.1:8080/hosts", "neighbor");
  assert.match(hosts, /^10\.87\.0\.77\tweb www$/m);
  assert.match(hosts, /^10\.87\.0\.1\thost\.docker\.internal\t/m);
  assert.doesNotMatch(hosts, /127\.0\.1\.1/);
  assert.equal(
    await berth("port", "web"),
    "8000/tcp -> 0.0.0.0:8080\n8001/tcp -> 0.0.0.0:8081\n53/udp -> 127.0.0.1:5353",
  );
  assert.equal(await berth("port", "web", "53/udp"), "127.0.0.1:5353");
  assert.equal((await cli(daemon, ["port", "web", "9"])).code, 125);
  assert.match(await berth("ps"), /PORTS[\s\S]*0\.0\.0\.0:8080->8000\/tcp/);
  assert.equal(await berth("ps", "--format", "{{.Networks}}"), "bridge");
  const { network: state } = JSON.parse(await berth("inspect", "web"));
  assert.deepEqual(state.interfaces[0].addresses, ["10.87.0.77/24"]);
  assert.equal(state.interfaces[0].mac, "02:42:0a:57:00:4d");
  assert.match(await berth("network", "ls"), /bridge +bridge,portmap,firewall +ready +web/);
  assert.equal(await berth("network", "ls", "-q"), "bridge");

  // In the other's network; with none; and what does not go together.
  const inside = ["run", "--rm", ...rootfsArgs(daemon)];
  assert.match(
    await berth(...inside, "--net", "container:web", "--", "ifconfig", "eth0"),
    /10\.87\.0\.77/,
  );
  assert.equal(await berth(...inside, "--", "ls", "/sys/class/net"), "lo");
  const host = ["--net", "host", "--add-host", "me:host-gateway"];
  assert.match(await berth(...inside, ...host, "--", "cat", "/etc/hosts"), /^127\.0\.0\.1\tme$/m);
  for (
    const [args, message] of [
      [["--net", "host", "-p", "80:80"], /-p needs a network of the container's own, not host/],
      [["--add-host", "me:host-gateway"], /me:host-gateway needs a network of the container's/],
      [["--net", "nowhere"], /no network nowhere in \/nonexistent/],
      [["-p", "8080:80"], /port 8080\/tcp of the host is taken by container web/],
    ] as const
  ) {
    const { code, stderr } = await cli(daemon, [...inside, ...args, "--", "true"]);
    assert.equal(code, 125);
    assert.match(stderr, message);
  }
  await berth("rm", "-f", "web");
  await audit.assertClean("berth run");
});

networkTest(
  "berth run: users in a network bind low ports and may ping, also root of a user namespace",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({ program: network.program, config: CONFIG });
    openAbove(daemon);
    for (const options of [["--user", "1000:1000"], ["--overlay", "--userns", "0:200000:65536"]]) {
      const run = [
        "run",
        "-d",
        "--name",
        "web",
        ...rootfsArgs(daemon),
        ...options,
        "-p",
        "8080:80",
      ];
      await ok(daemon, ...run, "--", "httpd", "-f", "-p", "80", "-h", "/proc/sys/net/ipv4");
      const url = "http://192.0.2.1:8080";
      const start = await network.getUntilThere(`${url}/ip_unprivileged_port_start`, "neighbor");
      assert.equal(start, "0\n");
      // Those of the host, for which there is no name in a user namespace.
      const groups = await network.getUntilThere(`${url}/ping_group_range`, "neighbor");
      if (options.includes("--user")) assert.equal(groups, "0\t2147483647\n");
      await ok(daemon, "rm", "-f", "web");
    }
  },
);

networkTest("berth run: an image has the network bridge where the plugins are there", async () => {
  await using network = await TestNetwork.make();
  await using daemon = await TestDaemon.start({ program: network.program, config: CONFIG });
  const layout = await makeImage(daemon.dir, {
    layers: [await busyboxLayer(daemon.dir)],
    config: { Cmd: ["ip", "-o", "addr", "show", "dev", "eth0"] },
  });
  await ok(daemon, "pull", layout);
  const id = (await ok(daemon, "images", "-q")).trim();
  const inside = await ok(daemon, "run", "--rm", ...cgroupArgs(daemon), id);
  assert.match(inside, /eth0 +inet 10\.87\.0\.2\/24/);
}, { needs: ["skopeo"] });

imageTest(
  "berth run: without plugins an image has no network, and one line says what to install",
  async () => {
    await using daemon = await TestDaemon.start({
      config: `[network]\nplugin_dirs = ["/nonexistent"]\n`,
    });
    const config = { Cmd: ["ls", "/sys/class/net"] };
    const layout = await makeImage(daemon.dir, {
      layers: [await busyboxLayer(daemon.dir)],
      config,
    });
    await ok(daemon, "pull", layout);
    const id = (await ok(daemon, "images", "-q")).trim();
    const run = (...args: string[]) =>
      cli(daemon, ["run", "--rm", ...cgroupArgs(daemon), ...args, id]);
    const { code, stdout, stderr } = await run();
    assert.deepEqual({ code, stdout }, { code: 0, stdout: "lo\n" });
    const install =
      "the plugins bridge, host-local, portmap are not in /nonexistent: install containernetworking-plugins";
    assert.equal(stderr, `berth: the container has no network: ${install}\n`);
    // What asks for a network is refused, with the same words.
    const refused = await run("-p", "8080:80");
    assert.equal(refused.code, 125);
    assert.ok(refused.stderr.includes(install), refused.stderr);
    // Who wants none is told nothing.
    assert.deepEqual(await run("--net", "none"), { code: 0, stdout: "lo\n", stderr: "" });
  },
);

networkTest(
  "berth run: DNS settings of a network reach resolv.conf, and those that are given win",
  async () => {
    await using network = await TestNetwork.make();
    using temp = new TempDir();
    const dir = temp.path;
    const conflist = {
      cniVersion: "1.0.0",
      name: "named",
      plugins: [{
        type: "bridge",
        bridge: "named0",
        isGateway: true,
        ipam: { type: "host-local", dataDir: `${dir}/leases`, subnet: "10.88.0.0/24" },
        dns: { nameservers: ["10.88.0.53"], search: ["named.example"] },
      }],
    };
    Deno.writeTextFileSync(`${dir}/named.conflist`, JSON.stringify(conflist));
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: `[network]\nconfig_dir = "${dir}"\n`,
    });
    const resolvConf = async (...args: string[]) => {
      const run = ["run", "--rm", ...rootfsArgs(daemon), "--net", "named", ...args];
      const { code, stdout, stderr } = await cli(daemon, [
        ...run,
        "--",
        "cat",
        "/etc/resolv.conf",
      ]);
      assert.equal(code, 0, stderr);
      return stdout.split("\n").filter((line) => /^(nameserver|search|domain) /.test(line));
    };
    assert.deepEqual(await resolvConf(), ["nameserver 10.88.0.53", "search named.example"]);
    assert.deepEqual(await resolvConf("--dns", "192.0.2.53"), [
      "nameserver 192.0.2.53",
      "search named.example",
    ]);
  },
);
