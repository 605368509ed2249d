// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { isSubnet } from "./subnet.ts";

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
