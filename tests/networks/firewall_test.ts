// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { TestDaemon } from "../harness/daemon.ts";
import { AUDITED_CONFIG, createIn } from "../harness/network/audited_network.ts";
import { httpServer, networkTest, TestNetwork } from "../harness/network/test_network.ts";
import { until } from "../harness/poll.ts";
import { signalChild } from "../harness/processes.ts";

/** Returns the rule that a document says to add. */
function ruleOf(path: string): string[] {
  const [rule] = /\biptables (-t \w+ )?-I [^`\n]+/.exec(Deno.readTextFileSync(path)) ?? [];
  assert.ok(rule !== undefined, path);
  return rule.trim().split(/\s+/);
}

function readText(path: string): string {
  return existsSync(path) ? Deno.readTextFileSync(path) : "";
}

networkTest(
  "networks: with the rules that the docs name, ports are reached where nothing is forwarded, and the host's loopback is not",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: AUDITED_CONFIG,
    });
    await network.onHost("iptables", "-P", "FORWARD", "DROP");
    const ports = [{ hostPort: 8080, containerPort: 8000 }];
    await createIn(daemon, "web", { name: "bridge", ports }, httpServer("web"));
    const { pid } = await daemon.client.call("container.start", { id: "web" });
    assert.equal(await network.getUntilThere("http://127.0.0.1:8080/"), "web");
    const neighbor = "http://192.0.2.1:8080/";
    assert.equal(await network.get(neighbor, "neighbor"), undefined);
    await network.onHost(...ruleOf("docs/networks.md"));
    assert.equal(await network.getUntilThere(neighbor, "neighbor"), "web");

    // A container that makes frames to the host's loopback, which `route_localnet` lets in.
    const received = `${daemon.dir}/received`;
    const listener = network.spawnOnHost(
      ...["socat", "-u", "UDP-RECV:9998,bind=127.0.0.1", `OPEN:${received},creat,append`],
    );
    try {
      const inside = ["nsenter", "-t", String(pid), "-n"];
      const setUp = "ip route del local 127.0.0.0/8 dev lo table local; " +
        "ip route del local 127.0.0.1 dev lo table local; " +
        "ip route add 127.0.0.1 via 10.87.0.1 dev eth0 && " +
        "echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet";
      await network.onHost(...inside, "sh", "-c", setUp);
      const send = (text: string) => ["sh", "-c", `echo ${text} | socat -u - UDP:127.0.0.1:9998`];
      const isThere = (text: string) => readText(received).includes(text);
      await until("what the container sends", async () => {
        await network.onHost(...inside, ...send("before"));
        return isThere("before");
      });
      await network.onHost(...ruleOf("docs/security.md"));
      await network.onHost(...inside, ...send("after"));
      await until("what the host sends", async () => {
        await network.onHost(...send("host"));
        return isThere("host");
      });
      assert.ok(!isThere("after"));
      assert.equal(await network.getUntilThere("http://127.0.0.1:8080/"), "web");
    } finally {
      signalChild(listener, "SIGKILL");
      await listener.status;
    }
    await daemon.remove("web");
  },
);
