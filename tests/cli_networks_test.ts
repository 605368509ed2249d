// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, rootfsArgs } from "./harness/cli.ts";
import { TestDaemon } from "./harness/daemon.ts";
import { NetworkAudit, networkTest, TestNetwork } from "./harness/test_network.ts";

const CONFIG = `[network]\nsubnets = ["10.87.0.0/24"]\n`;

/** A server of its own hosts file. */
const SERVER = ["--", "httpd", "-f", "-p", "8000", "-h", "/etc"];

networkTest("berth run -p, port, ps, network ls: ports and names, as docker has them", async () => {
  await using network = await TestNetwork.make();
  await using daemon = await TestDaemon.start({ program: network.program, config: CONFIG });
  const berth = async (...args: string[]) => {
    const { code, stdout, stderr } = await cli(daemon, args);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };
  const run = (...args: string[]) => berth("run", "-d", ...rootfsArgs(daemon), ...args);
  await run("--name", "warm-up", "-p", "8080:8000", ...SERVER);
  await berth("rm", "-f", "warm-up");
  const audit = await NetworkAudit.take(network, daemon);

  await run(
    ...["--name", "web", "-p", "8080-8081:8000-8001", "-p", "127.0.0.1:5353:53/udp"],
    ...["--ip", "10.87.0.77", "--mac-address", "02:42:0a:57:00:4d", "--network-alias", "www"],
    ...SERVER,
  );
  const hosts = await network.getUntilThere("http://192.0.2.1:8080/hosts", "neighbor");
  assert.match(hosts, /^10\.87\.0\.77\tweb www$/m);
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
  for (
    const [args, message] of [
      [["--net", "host", "-p", "80:80"], /-p needs a network of the container's own, not host/],
      [["--net", "nowhere"], /no network nowhere in \/etc\/cni\/net\.d/],
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
