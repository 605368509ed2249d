// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { NetworkParams } from "../../src/rpc/contract/schemas/network.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { auditAfter, createIn } from "../harness/network/audited_network.ts";
import { networkTest, TestNetwork } from "../harness/network/test_network.ts";
import { TestPlugins } from "../harness/network/test_plugins.ts";

networkTest(
  "networks: no rule is left by a plugin that reads its members in any case",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({ program: network.program });
    const ranges = [[{ subnet: "10.89.0.0/24" }]];
    const ipam = { type: "host-local", dataDir: `${daemon.dir}/leases`, ranges };
    const plugin = { type: "bridge", bridge: "odd0", isGateway: true, IPMASQ: true, ipam };
    const odd = { conflist: { cniVersion: "0.4.0", name: "odd", plugins: [plugin] } };
    const audit = await auditAfter(network, daemon, odd, ipam.dataDir);
    await createIn(daemon, "c", odd);
    assert.match(await network.onHost("iptables-save"), /-j MASQUERADE/);
    await network.inContainer(daemon, "c", "ip", "addr", "flush", "dev", "eth0");
    await daemon.remove("c");
    await audit.assertClean("an address that was taken away");
  },
);

networkTest(
  "networks: no rule is left by a plugin that runs another with a configuration of its own",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    await using daemon = await plugins.startDaemon(network);
    plugins.plugin("fannel", `sed 's/"own":1/"ipMasq":true/' | /usr/lib/cni/bridge`);
    const ranges = [[{ subnet: "10.89.0.0/24" }]];
    const ipam = { type: "host-local", dataDir: `${daemon.dir}/leases`, ranges };
    const plugin = { type: "fannel", bridge: "odd0", isGateway: true, own: 1, ipam };
    const odd = { conflist: { cniVersion: "0.4.0", name: "odd", plugins: [plugin] } };
    const audit = await auditAfter(network, daemon, odd, ipam.dataDir);
    await createIn(daemon, "c", odd);
    assert.match(await network.onHost("iptables-save"), /-j MASQUERADE/);
    await network.inContainer(daemon, "c", "ip", "link", "del", "eth0");
    await daemon.remove("c");
    await audit.assertClean("an interface that was taken away");
  },
);

networkTest(
  "networks: no rule is left of a container that has changed its interface",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: `${COLD}[network]\nsubnets = ["10.87.0.0/24", "fd87::/64"]\n`,
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
      await createIn(daemon, "c", bridge);
      await network.inContainer(daemon, "c", "sh", "-c", change);
      await daemon.remove("c");
      await audit.assertClean(change);
    }
  },
);
