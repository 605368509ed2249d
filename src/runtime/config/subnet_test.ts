// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { firstInTheWay, isSubnet, isUsable } from "./subnet.ts";

Deno.test("isSubnet: an address without host bits, and a prefix that leaves room for addresses", () => {
  for (
    const text of ["10.87.0.0/16", "10.27.0.4/30", "0.0.0.0/0", "fd87::/64", "fd00:0:0:1::/64"]
  ) {
    assert.ok(isSubnet(text), text);
  }
  const none = [
    "10.27.0.0/33",
    "10.27.0.5/24",
    "10.27.0.0/31",
    "10.27.0.0",
    "10.27.0/24",
    "10.0.0.0/",
  ];
  const noneOf6 = ["fd87::1/64", "fd87::/127", "fd87::/129", "fd87:::/64", "fe80::%eth0/64", "/64"];
  for (const text of [...none, ...noneOf6, "", "10.0.0.0/8/8"]) assert.ok(!isSubnet(text), text);
});

Deno.test("isUsable: no subnet with addresses that no interface can have", () => {
  for (
    const subnet of ["10.87.0.0/16", "1.0.0.0/8", "169.254.0.0/16", "fd87::/64", "100::/64"]
  ) {
    assert.ok(isUsable(subnet), subnet);
  }
  const none = ["0.0.0.0/0", "0.0.0.0/1", "0.1.0.0/16", "224.0.0.0/4", "239.1.0.0/24"];
  const noneOf6 = [
    "::/0",
    "::/64",
    "64:ff9b::/96",
    "::ffff:10.1.0.0/112",
    "fe80::/64",
    "ff02::/64",
  ];
  for (const subnet of [...none, ...noneOf6]) assert.ok(!isUsable(subnet), subnet);
});

Deno.test("firstInTheWay: a second subnet of IPv4, or one of IPv6 that overlaps another", () => {
  const fits = [
    ["10.0.0.0/8"],
    ["10.0.0.0/8", "fd87::/64"],
    ["fd87::/64", "10.0.0.0/8", "fd87:0:0:1::/64"],
  ];
  for (const subnets of fits) assert.equal(firstInTheWay(subnets), undefined, subnets.join());
  const taken = [
    [["10.0.0.0/16", "10.0.0.0/16"], 1],
    [["10.0.0.0/16", "fd87::/64", "10.1.0.0/16"], 2],
    [["fd87::/64", "fd87::/64"], 1],
    [["fd87:0:0:1::/64", "10.0.0.0/8", "fd87::/48"], 2],
  ] as const;
  for (const [subnets, index] of taken) assert.equal(firstInTheWay(subnets), index, subnets.join());
});
