// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readResult, resultAs, resultFault } from "./result.ts";

function nested(levels: number): unknown {
  return JSON.parse("[".repeat(levels) + "]".repeat(levels));
}

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

Deno.test("resultFault: what plugins could not read is named, and what real ones print is none", () => {
  for (
    const [result, fault] of [
      [{ cniVersion: "0.2.0" }, /^`cniVersion` is "0\.2\.0": expected one of 0\.3\.0, /],
      [{ cniVersion: 1 }, /^`cniVersion` is 1: /],
      [{ ips: "x" }, /^`ips` is "x": expected a list$/],
      [{ ips: [], IPs: "x" }, /^`IPs` is "x": expected a list$/],
      [{ "ip\u017f": "x" }, /^`ip\u017f` is "x": expected a list$/],
      [{ ips: [null] }, /^`ips\.0` is null: expected an object$/],
      [{ ips: [{}] }, /^`ips\.0\.address` is missing: expected an address and its prefix length$/],
      [{ ips: [{ address: "10.1.0.2" }] }, /^`ips\.0\.address` is "10\.1\.0\.2": /],
      [{ ips: [{ address: "10.1.0.256/16" }] }, /^`ips\.0\.address`/],
      [{ ips: [{ address: "10.1.0.02/16" }] }, /^`ips\.0\.address`/],
      [{ ips: [{ address: "10.1.0.2/33" }] }, /^`ips\.0\.address`/],
      [{ ips: [{ address: "fd00::1::2/64" }] }, /^`ips\.0\.address`/],
      [{ ips: [{ address: "fe80::2%eth0/64" }] }, /^`ips\.0\.address`/],
      [{ ips: [{ address: "10.1.0.2/16", gateway: "x" }] }, /^`ips\.0\.gateway` .* an address$/],
      [{ ips: [{ address: "10.1.0.2/16", interface: "0" }] }, /^`ips\.0\.interface` .* number$/],
      [{ ips: [{ address: "10.1.0.2/16", version: 4 }] }, /^`ips\.0\.version` is 4: .* string$/],
      [{ interfaces: 5 }, /^`interfaces` is 5: expected a list$/],
      [{ interfaces: [{ name: "eth0" }, { mac: 1 }] }, /^`interfaces\.1\.mac` is 1: /],
      [{ routes: [{ dst: "default" }] }, /^`routes\.0\.dst` is "default": /],
      [{ routes: [{ dst: "::/0", gw: "::/0" }] }, /^`routes\.0\.gw` /],
      [{ dns: 7 }, /^`dns` is 7: expected an object$/],
      [{ dns: { search: ["lan", 1] } }, /^`dns\.search\.1` is 1: /],
      [{ dns: { domain: "x".repeat(1000) + "1", options: "x".repeat(1000) } }, /"x{99}…: /],
      [{ own: nested(200) }, /^it has more than 100 levels$/],
      // Deeper than what can be written.
      [{ own: nested(100_000) }, /^it has more than 100 levels$/],
    ] as const
  ) {
    assert.match(resultFault(result) ?? "none", fault);
  }
  for (
    const result of [
      {},
      { cniVersion: "", interfaces: null, ips: null, routes: null, dns: null },
      {
        cniVersion: "1.1.0",
        interfaces: [{ name: "eth0", mac: null, sandbox: "", mtu: 1500, own: [1] }],
        ips: [
          { interface: null, address: "10.1.0.2/16", gateway: "" },
          { interface: 3, address: "fd00::10.1.0.2/64", gateway: "FD00::1" },
        ],
        routes: [{ dst: "0.0.0.0/0", gw: null, priority: 7 }, { dst: "::/0" }],
        dns: { nameservers: null, search: [] },
        own: nested(90),
      },
    ]
  ) assert.equal(resultFault(result), undefined);
});

Deno.test("resultAs: a result gets the version of its network", () => {
  const ips = [{ address: "10.1.0.2/16" }, { address: "fd00::2/64", gateway: "fd00::1" }];
  const given = { cniVersion: "1.0.0", ips, own: 1 };
  assert.equal(resultAs("1.0.0", given), given);
  assert.deepEqual(resultAs("1.1.0", given), { ...given, cniVersion: "1.1.0" });
  assert.deepEqual(resultAs("1.0.0", { ips }), { cniVersion: "1.0.0", ips });
  assert.deepEqual(resultAs("0.4.0", given), {
    ...given,
    cniVersion: "0.4.0",
    ips: [{ version: "4", ...ips[0] }, { version: "6", ...ips[1] }],
  });
});
