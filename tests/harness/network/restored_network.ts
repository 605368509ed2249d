// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, ok, rootfsArgs } from "../cli.ts";
import type { TestDaemon } from "../daemon.ts";
import { NetworkAudit } from "./test_network.ts";
import type { TestNetwork } from "./test_network.ts";

/** Lines of the config of a daemon for {@linkcode assertNetworkIsRestored}. */
export const RESTORED_NETWORK_CONFIG = `[network]\nsubnets = ["10.87.0.0/24"]\n`;

/**
 * Asserts that a container that is restored from a checkpoint has its network again: of the same
 * id with ports and address, beside the first with another address, and that nothing is left.
 */
export async function assertNetworkIsRestored(
  network: TestNetwork,
  daemon: TestDaemon,
): Promise<void> {
  const berth = async (...args: string[]) => (await ok(daemon, ...args)).trim();
  const serve = (name: string, ...args: string[]) => {
    const command = ["httpd", "-f", "-p", "8000", "-h", "/etc"];
    const options = ["-d", "--name", name, ...rootfsArgs(daemon), "--net", "bridge", ...args];
    return berth("run", ...options, "--", ...command);
  };
  const addressOf = async (id: string) => {
    const state = await daemon.stateOf(id);
    return state.network?.interfaces[0]?.addresses[0]?.split("/")[0] ?? "";
  };
  await serve("warm-up", "-p", "8080:8000");
  await berth("rm", "-f", "warm-up");
  const audit = await NetworkAudit.take(network, daemon);

  await serve("web", "-p", "8080:8000");
  const address = await addressOf("web");
  const url = "http://192.0.2.1:8080/hosts";
  const hosts = await network.getUntilThere(url, "neighbor");
  assert.match(hosts, new RegExp(`^${address}\tweb$`, "m"));
  await berth("checkpoint", "--exit", "web");
  await daemon.exitOf("web");
  await berth("rm", "web");
  await audit.assertClean("a checkpoint");
  await berth("restore", "web");
  assert.equal(await addressOf("web"), address);
  assert.equal(await network.getUntilThere(url, "neighbor"), hosts);

  // Its port is taken.
  const path = `${daemon.root}/checkpoints/web`;
  const second = await cli(daemon, ["restore", "--path", path, "web2"]);
  assert.equal(second.code, 125);
  assert.match(second.stderr, /port 8080\/tcp of the host is taken by container web/);
  await berth("rm", "-f", "web");

  // Without ports it goes on beside the first.
  await serve("web");
  const plain = `${daemon.root}/plain`;
  await berth("checkpoint", "--path", plain, "web");
  await berth("restore", "--path", plain, "web2");
  const other = await addressOf("web2");
  assert.notEqual(other, await addressOf("web"));
  const otherHosts = await network.getUntilThere(`http://${other}:8000/hosts`);
  assert.match(otherHosts, new RegExp(`^${other}\tweb$`, "m"));
  await berth("rm", "-f", "web", "web2");
  await audit.assertClean("a restore");
}
