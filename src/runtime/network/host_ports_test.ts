// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { HostPorts, requireFamilies } from "./host_ports.ts";

/** Ports that are free now. */
function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  for (const listener of listeners) listener.close();
  return listeners.map(({ addr }) => addr.port);
}

const mapping = (hostPort: number) =>
  ({ hostIp: "127.0.0.1", hostPort, containerPort: 80, protocol: "tcp" }) as const;

Deno.test("HostPorts.adopt: no other container gets a port of one that lost another to a process", () => {
  const [lost = 0, kept = 0] = freePorts(2);
  using ports = new HostPorts();
  const process = Deno.listen({ hostname: "127.0.0.1", port: lost });
  const errors = ports.adopt("i1", "web", [mapping(lost), mapping(kept)]);
  assert.match(String(errors), new RegExp(`web: port 127.0.0.1:${lost}/tcp .* by a process`));
  assert.throws(() => Deno.listen({ hostname: "127.0.0.1", port: kept }), Deno.errors.AddrInUse);
  process.close();
  for (const port of [lost, kept]) {
    assert.throws(() => ports.take("i2", "other", [mapping(port)]), /is taken by container web/);
  }
  ports.release("i1");
  ports.take("i2", "other", [mapping(lost), mapping(kept)]);
});

Deno.test("HostPorts.take: takes all of the ports or none", () => {
  const [free = 0, taken = 0] = freePorts(2);
  using ports = new HostPorts();
  const process = Deno.listen({ hostname: "127.0.0.1", port: taken });
  assert.throws(
    () => ports.take("i1", "web", [mapping(free), mapping(taken)]),
    /is taken by a process/,
  );
  process.close();
  ports.take("i2", "other", [mapping(free), mapping(taken)]);
});

Deno.test("HostPorts.take: a port of the IPv6 loopback leads nowhere", () => {
  const [port = 0] = freePorts(1);
  using ports = new HostPorts();
  for (const hostIp of ["::1", "0:0:0:0:0:0:0:1"]) {
    assert.throws(
      () => ports.take("i1", "web", [{ ...mapping(port), hostIp }]),
      /^FailedPreconditionError: container web: port \[[0:]+1\]:\d+\/tcp of the host leads nowhere: /,
    );
  }
  ports.take("i1", "web", [{ ...mapping(port), hostIp: "::" }]);
  // As a container has it that an earlier berth made.
  assert.deepEqual(ports.adopt("i2", "old", [{ ...mapping(port), hostIp: "0.0.0.0" }]), []);
});

Deno.test("requireFamilies: a port of an address leads to one of its family", () => {
  const at = (hostIp?: string) =>
    [
      { ...mapping(80), hostIp: "127.0.0.1" },
      { hostPort: 81, containerPort: 80, protocol: "udp", ...(hostIp !== undefined && { hostIp }) },
    ] as const;
  const [v4, v6] = ["10.0.0.2/16", "fd00::2/64"];
  assert.throws(
    () => requireFamilies("web", at("::1"), [v4]),
    /^FailedPreconditionError: container web: port \[::1\]:81\/udp of the host .* no IPv6 address$/,
  );
  assert.throws(
    () => requireFamilies("web", at(), [v6]),
    /127\.0\.0\.1:80\/tcp .* no IPv4 address/,
  );
  requireFamilies("web", at("::1"), [v4, v6]);
  requireFamilies("web", at(), [v4]);
  requireFamilies("web", at("::1"), []);
});
