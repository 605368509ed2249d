// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { bridgeConflist } from "../../src/network/bridge.ts";
import { spec } from "../../tests/harness/rootfs.ts";
import { runCgroup, runDir, uniqueName } from "../../tests/harness/run.ts";
import { namesIn } from "../../tests/harness/leaks/traces.ts";
import { networkTest, TestNetwork } from "../../tests/harness/network/test_network.ts";
import { findCommand } from "../system_packages.ts";
import { BareNetwork } from "./bare_network.ts";
import { BareRunc } from "./bare_runc.ts";

networkTest(
  "BareNetwork.life: runc in a network of plugins, of which nothing is left",
  async () => {
    const dir = `${runDir()}/${uniqueName("bare")}`;
    Deno.mkdirSync(dir);
    await using network = await TestNetwork.make();
    await using runc = await BareRunc.open(`${dir}/runc`, findCommand("runc") ?? "runc");
    const bare = new BareNetwork({
      runc,
      onHost: network.hostCommand,
      plugins: "/usr/lib/cni",
      conflist: bridgeConflist({
        bridge: "bench0",
        subnets: ["10.211.0.0/16"],
        leases: `${dir}/leases`,
        ports: true,
        has: () => true,
        ipv6: true,
      }),
      runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
    });
    let seen = "";
    const specOf = (command: readonly string[]) => (path: string) => {
      seen = path;
      return spec(command, {
        cgroup: runCgroup(),
        override: {
          linux: {
            namespaces: [
              ...["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
              { type: "network", path },
            ],
          },
        },
      });
    };
    // The first one makes the bridge and the chains that stay.
    await bare.life("first", specOf(["true"]));
    const before = await network.traces();
    await bare.life("second", specOf(["ip", "addr", "show", "dev", "eth0"]));
    assert.deepEqual(await network.traces(), before);
    assert.match(seen, /^\/run\/netns\/bnc-/);
    assert.ok(!namesIn("/run/netns").includes(seen.slice("/run/netns/".length)));
    assert.deepEqual(
      namesIn(`${dir}/leases/bridge`).filter((name) => !/lock|last_reserved_ip/.test(name)),
      [],
    );
  },
);
