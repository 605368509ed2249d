// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { overlap } from "./published_ports.ts";

Deno.test("overlap: of one family, and of one address where both name one", () => {
  const at = (hostIp?: string, hostPort = 80, protocol: "tcp" | "udp" = "tcp") => ({
    ...(hostIp === undefined ? {} : { hostIp }),
    hostPort,
    containerPort: 80,
    protocol,
  });
  const same = [
    [at(), at()],
    [at(), at("127.0.0.1")],
    [at(), at("::1")],
    [at("0.0.0.0"), at("127.0.0.1")],
    [at("::"), at("::1")],
    [at("0:0:0:0:0:0:0:0"), at("::1")],
    [at("2001:DB8::0001"), at("2001:db8::1")],
  ] as const;
  for (const [a, b] of same) {
    assert.ok(overlap(a, b), `${a.hostIp} and ${b.hostIp}`);
    assert.ok(overlap(b, a), `${b.hostIp} and ${a.hostIp}`);
  }
  const apart = [
    [at("0.0.0.0"), at("::")],
    [at("0.0.0.0"), at("::1")],
    [at("::"), at("127.0.0.1")],
    [at("127.0.0.1"), at("127.0.0.2")],
    [at(), at(undefined, 81)],
    [at(), at(undefined, 80, "udp")],
  ] as const;
  for (const [a, b] of apart) assert.ok(!overlap(a, b), `${a.hostIp} and ${b.hostIp}`);
});
