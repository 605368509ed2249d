// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { NetworkParams } from "../../src/rpc/contract/schemas/network.ts";
import { cli } from "../harness/cli.ts";
import { auditAfter, createIn } from "../harness/network/audited_network.ts";
import { networkTest, TestNetwork } from "../harness/network/test_network.ts";
import { assertRefused, TestPlugins } from "../harness/network/test_plugins.ts";

networkTest("networks: a container in two networks, and one by a conflist of its own", async () => {
  await using network = await TestNetwork.make();
  using plugins = new TestPlugins();
  plugins.network("front", "10.88.0.0/24");
  plugins.network("back", "10.88.1.0/24");
  await using daemon = await plugins.startDaemon(network, `subnets = ["10.87.0.0/24"]\n`);
  const both: NetworkParams = {
    name: "front",
    additional: [{ name: "back", ips: ["10.88.1.77"] }],
  };
  const audit = await auditAfter(network, daemon, both, plugins.leases);
  await createIn(daemon, "both", both);
  const { network: state } = await daemon.stateOf("both");
  assert.deepEqual(
    state?.interfaces.map((one) => [one.network, one.interface]),
    [["front", "eth0"], ["back", "eth1"]],
  );
  assert.deepEqual(state?.interfaces[1]?.addresses, ["10.88.1.77/24"]);
  const inside = await network.inContainer(daemon, "both", "ip", "-o", "addr");
  assert.match(inside, /eth0 +inet 10\.88\.0\.\d+\/24/);
  assert.match(inside, /eth1 +inet 10\.88\.1\.77\/24/);
  // Both networks give one.
  const routes = await network.inContainer(daemon, "both", "ip", "route", "show", "default");
  assert.equal(routes.trim(), "default via 10.88.0.1 dev eth0");
  await daemon.remove("both");
  const twice = { name: "front", additional: [{ name: "front" }] };
  await assertRefused(daemon, twice, "InvalidParams", /front is named twice/);
  await audit.assertClean("two networks");
  const conflist = {
    cniVersion: "1.0.0",
    name: "own",
    plugins: [{
      type: "ptp",
      ipam: { type: "host-local", subnet: "10.88.2.0/24", dataDir: plugins.leases },
    }],
  };
  await createIn(daemon, "c", { conflist });
  const { networks } = await daemon.client.call("network.list", {});
  assert.deepEqual(networks.map(({ name }) => name), ["back", "bridge", "front", "own"]);
  const bad = `${plugins.dir}/net.d/20-bad.conflist`;
  Deno.writeTextFileSync(bad, "{}");
  const { unusable } = await daemon.client.call("network.list", {});
  assert.deepEqual(unusable, [{ file: bad, reason: "has no valid `name`" }]);
  const { stdout, stderr } = await cli(daemon, ["network", "ls", "-q"]);
  assert.equal(stderr, `berth: ${bad} cannot be used: has no valid \`name\`\n`);
  assert.equal(stdout, "back\nbridge\nfront\nown\n");
  await daemon.remove("c");
  await audit.assertClean("a conflist");
});
