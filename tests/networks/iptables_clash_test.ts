// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { auditAfter, createIn } from "../harness/network/audited_network.ts";
import { networkTest, TestNetwork } from "../harness/network/test_network.ts";
import { assertRefused, TestPlugins } from "../harness/network/test_plugins.ts";

/** What a plugin says whose iptables finds a chain that another has made a moment ago. */
const CLASH = "running [/usr/sbin/iptables -t filter -N CNI-ADMIN --wait]: exit status 4: " +
  "iptables v1.8.9 (nf_tables):  CHAIN_USER_ADD failed (File exists): chain CNI-ADMIN";

networkTest(
  "networks: a plugin whose iptables clashes with another's is run again, after a DEL",
  async () => {
    await using network = await TestNetwork.make();
    using plugins = new TestPlugins();
    plugins.network("front", "10.88.0.0/24", [{ type: "extra" }]);
    const log = `${plugins.dir}/log`;
    const clashes = (times: number) => {
      Deno.writeTextFileSync(log, "");
      plugins.plugin(
        "extra",
        `cat >/dev/null; echo $CNI_COMMAND >>${log}\n` +
          `[ $(grep -c $CNI_COMMAND ${log}) -gt ${times} ] && exec echo '{"cniVersion":"1.0.0"}'\n` +
          `echo '{"code":999,"msg":"${CLASH}"}'; exit 1`,
      );
    };
    const runs = () => Deno.readTextFileSync(log).trim().split("\n");
    await using daemon = await plugins.startDaemon(network);
    plugins.plugin("extra", `cat >/dev/null; echo '{"cniVersion":"1.0.0"}'`);
    const audit = await auditAfter(network, daemon, { name: "front" }, plugins.leases);

    clashes(1);
    await createIn(daemon, "c", { name: "front" });
    assert.deepEqual(runs(), ["ADD", "DEL", "ADD"]);
    clashes(2);
    await daemon.remove("c");
    assert.deepEqual(runs(), ["DEL", "DEL", "DEL"]);
    await audit.assertClean("a clash that ended");

    // As `bridge`, whose DEL fails by a rule that the ADD has not made.
    plugins.plugin(
      "extra",
      `cat >/dev/null; echo $CNI_COMMAND >>${log}; [ -e ${log}.twice ] && ` +
        `exec echo '{"cniVersion":"1.0.0"}'\n` +
        `[ $CNI_COMMAND = DEL ] && { touch ${log}.twice; echo '{"code":999,"msg":"no rule"}'; exit 1; }\n` +
        `echo '{"code":999,"msg":"${CLASH}"}'; exit 1`,
    );
    Deno.writeTextFileSync(log, "");
    await createIn(daemon, "c", { name: "front" });
    assert.deepEqual(runs(), ["ADD", "DEL", "ADD"]);
    await daemon.remove("c");
    await audit.assertClean("a clash whose DEL failed");

    // One that never ends is told as it is.
    clashes(1000);
    const message = /network front: plugin extra: ADD failed: .*CHAIN_USER_ADD failed/;
    await assertRefused(daemon, { name: "front" }, "NetworkError", message);
    await audit.assertClean("a clash without end");
  },
);
