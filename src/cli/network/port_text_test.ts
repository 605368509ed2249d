// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { PortState } from "../../rpc/contract/schemas/network.ts";
import { hostsOf, portsText } from "./port_text.ts";

/** A network whose interface has these addresses. */
const networkOf = (addresses: string[], ports: PortState[] = []) => ({
  namespace: "/run/netns/web",
  interfaces: [{ network: "bridge", interface: "eth0", addresses, gateways: [] }],
  ports,
});

Deno.test("hostsOf: every address of the families that the container has, or the one that is named", () => {
  const port = { hostPort: 8080, containerPort: 80, protocol: "tcp" } as const;
  const v4 = "10.87.0.2/16", v6 = "fd87::2/64";
  assert.deepEqual(hostsOf(port, networkOf([v4])), ["0.0.0.0:8080"]);
  assert.deepEqual(hostsOf(port, networkOf([v4, v6])), ["0.0.0.0:8080", "[::]:8080"]);
  assert.deepEqual(hostsOf(port, networkOf([v6])), ["[::]:8080"]);
  // Addresses that no plugin has told.
  assert.deepEqual(hostsOf(port, networkOf([])), ["0.0.0.0:8080"]);
  const network = networkOf([v4, v6]);
  assert.deepEqual(hostsOf({ ...port, hostIp: "127.0.0.1" }, network), ["127.0.0.1:8080"]);
  assert.deepEqual(hostsOf({ ...port, hostIp: "2001:db8::1" }, network), ["[2001:db8::1]:8080"]);
});

Deno.test("portsText: each port by each family, in one line", () => {
  const network = networkOf(["10.87.0.2/16", "fd87::2/64"], [
    { hostPort: 8080, containerPort: 80, protocol: "tcp" },
    { hostIp: "127.0.0.1", hostPort: 5353, containerPort: 53, protocol: "udp" },
  ]);
  assert.equal(
    portsText(network),
    "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 127.0.0.1:5353->53/udp",
  );
  assert.equal(portsText(undefined), "");
});
