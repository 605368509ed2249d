// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readResult } from "./result.ts";

Deno.test("readResult: the container's own interface of what a plugin says", () => {
  const result = {
    interfaces: [
      { name: "berth0", mac: "aa:aa:aa:aa:aa:aa" },
      { name: "eth0", mac: "bb:bb:bb:bb:bb:bb", sandbox: "/run/netns/x" },
    ],
    ips: [
      { version: "4", interface: 1, address: "10.1.0.2/16", gateway: "10.1.0.1" },
      { address: "fd00::2/64", gateway: "fd00::1" },
      { interface: 0, address: "10.1.0.1/16" },
      { interface: 7, address: "10.1.0.3/16" },
      { nonsense: true },
      { address: "10.1.0.4\n192.0.2.6 example.com", gateway: "10.1.0.1 x" },
    ],
  };
  assert.deepEqual(readResult(result, "eth0"), {
    mac: "bb:bb:bb:bb:bb:bb",
    addresses: ["10.1.0.2/16", "fd00::2/64"],
    gateways: ["10.1.0.1", "fd00::1"],
  });
  assert.deepEqual(readResult(undefined, "eth0"), { addresses: [], gateways: [] });
});
