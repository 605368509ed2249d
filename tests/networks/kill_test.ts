// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../harness/temp_dir.ts";
import { writeScript } from "../harness/stand_in.ts";
import { exists } from "../../src/linux/fs/exists.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { deleteUntilGone } from "../harness/delete_until_gone.ts";
import {
  AUDITED_CONFIG,
  auditedNetwork,
  createPublished,
} from "../harness/network/audited_network.ts";
import { NO_FAILPOINTS, onHit } from "../harness/program/failpoints.ts";
import { until } from "../harness/poll.ts";
import { NetworkAudit, networkTest, TestNetwork } from "../harness/network/test_network.ts";
import { soakNetworks } from "../soak/networks.ts";

/** The n-th hit of a point crashes. */
const nth = (point: string, n: number) => onHit(n, point, "crash");

/** With `bridge`, `portmap` and `firewall`. */
const PLUGINS = [1, 2, 3];

const CREATE = [
  nth("network.record", 1),
  nth("network.namespace", 1),
  nth("network.pinned", 1),
  ...PLUGINS.flatMap((n) => [nth("network.add", n), nth("network.added", n)]),
  nth("create.attach", 1),
  nth("create.attached", 1),
  nth("shim.create.runtime", 1),
  nth("shim.create.created", 1),
];

const DELETE = [
  nth("delete.shim-deleted", 1),
  nth("network.removing", 1),
  ...PLUGINS.flatMap((n) => [nth("network.del", n), nth("network.deleted", n)]),
  nth("network.unpin", 1),
  nth("network.unpinned", 1),
  nth("delete.publish", 1),
];

/** Starts a daemon again that a failpoint has killed; a shim's failpoint leaves it alone. */
async function revive(daemon: TestDaemon, point: string): Promise<void> {
  if (point.startsWith("shim.")) return;
  await daemon.exited();
  await daemon.start();
}

networkTest(
  "networks: a daemon or a shim that is killed at any step of a create leaves nothing",
  async () => {
    await using audited = await auditedNetwork();
    const { daemon, points, audit } = audited;
    for (const point of CREATE) {
      points.arm(point);
      await assert.rejects(createPublished(daemon, "c"), point);
      points.disarm();
      await revive(daemon, point);
      await audit.assertClean(point);
      await daemon.untilEmpty();
    }
    await createPublished(daemon, "c");
    await deleteUntilGone(daemon, "c");
    await audit.assertClean("the end");
  },
  { ignore: NO_FAILPOINTS },
);

networkTest(
  "networks: a daemon that is killed at any step of a delete leaves nothing",
  async () => {
    await using audited = await auditedNetwork();
    const { daemon, points, audit } = audited;
    for (const point of DELETE) {
      await createPublished(daemon, "c");
      points.arm(point);
      await assert.rejects(daemon.client.call("container.delete", { id: "c" }), point);
      points.disarm();
      await revive(daemon, point);
      await deleteUntilGone(daemon, "c");
      await audit.assertClean(point);
    }
  },
  { ignore: NO_FAILPOINTS },
);

networkTest(
  "networks: a daemon that is killed after a DEL of host-device removes the rest",
  async () => {
    await using network = await TestNetwork.make();
    using temp = new TempDir();
    const plugins = temp.path;
    const removed = `${plugins}/removed`;
    const hanging = `[ $CNI_COMMAND = DEL ] && /usr/lib/cni/host-device && ` +
      `echo >${removed} && exec sleep 1000; exec /usr/lib/cni/host-device`;
    writeScript(`${plugins}/host-device`, hanging);
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: `${AUDITED_CONFIG}plugin_dirs = ["${plugins}", "/usr/lib/cni"]\n`,
    });
    await network.onHost("ip", "link", "add", "nic0", "type", "veth", "peer", "name", "nic1");
    const audit = await NetworkAudit.take(network, daemon);
    const device = { type: "host-device", device: "nic0" };
    await daemon.client.call("container.create", {
      id: "c",
      spec: daemon.spec(["sleep", "1000"]),
      network: { conflist: { cniVersion: "1.0.0", name: "nic", plugins: [device] } },
    });
    const [removal] = await Promise.allSettled([
      daemon.remove("c"),
      until("the device is back on the host", () => exists(removed)).then(() => daemon.kill9()),
    ]);
    assert.equal(removal.status, "rejected");
    Deno.removeSync(`${plugins}/host-device`);
    await daemon.start();
    await deleteUntilGone(daemon, "c");
    await audit.assertClean("a repeated DEL");
  },
);

networkTest("networks: a shim or a whole bundle that is gone takes the network along", async () => {
  await using audited = await auditedNetwork();
  const { daemon, audit } = audited;
  // The shim, while the daemon looks on.
  await createPublished(daemon, "c");
  await daemon.killShim("c");
  await audit.assertClean("a killed shim");
  await daemon.untilEmpty();
  // Shim and daemon.
  await createPublished(daemon, "c");
  await daemon.killWithShim("c");
  await daemon.start();
  await audit.assertClean("a killed shim and daemon");
  await daemon.untilEmpty();
  // A bundle that was removed while no daemon ran: its shim ends, its record remains.
  await createPublished(daemon, "c");
  await daemon.kill9();
  Deno.removeSync(`${daemon.state}/linux/c`, { recursive: true });
  await daemon.start();
  await audit.assertClean("a removed bundle");
});

networkTest("soakNetworks: some rounds of the kills at random leave nothing", async () => {
  await soakNetworks({ rounds: 4, seed: 4, say: () => {} });
});
