// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { NetworkParams } from "../../rpc/contract/schemas/network.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { type NetworkPlan, planNetwork, preferAddresses } from "./plan.ts";

Deno.test("planNetwork: addresses that are preferred, where the network can give them", () => {
  const find = (name: string) => {
    const capabilities = { ips: name !== "fixed" };
    const plugins = [{ type: "bridge", capabilities }];
    return { cniVersion: "1.0.0", name, plugins };
  };
  const planOf = (params: NetworkParams) =>
    planNetwork(params, { id: "c", instance: "i", hostname: "c", find });
  const ipsOf = (plan: NetworkPlan | undefined) =>
    plan?.attachments.map(({ runtimeConfig }) => runtimeConfig["ips"]);
  const plan = planOf({
    name: "front",
    preferredIps: ["10.0.0.2"],
    additional: [
      { name: "fixed", preferredIps: ["10.0.1.2"] },
      { name: "back", ips: ["10.0.2.3"], preferredIps: ["10.0.2.2"] },
    ],
  });
  assert.deepEqual(ipsOf(plan), [["10.0.0.2"], undefined, ["10.0.2.3"]]);
  assert.deepEqual(ipsOf(plan.otherwise), [undefined, undefined, ["10.0.2.3"]]);
  const again = preferAddresses(plan, new Map([["front", ["10.0.0.9"]]]));
  assert.deepEqual(ipsOf(again), [["10.0.0.9"], undefined, ["10.0.2.3"]]);
  assert.deepEqual(again.otherwise, plan.otherwise);
  assert.equal(planOf({ name: "front" }).otherwise, undefined);
});

Deno.test("planNetwork: a port of an address that is no host's is refused", () => {
  const find = (name: string) => {
    const plugins = [{ type: "portmap", capabilities: { portMappings: true } }];
    return { cniVersion: "1.0.0", name, plugins };
  };
  const plan = (hostIp: string) =>
    planNetwork(
      { name: "front", ports: [{ hostIp, hostPort: 80, containerPort: 80 }] },
      { id: "c", instance: "i", hostname: "c", find },
    );
  for (const hostIp of ["224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1"]) {
    assert.throws(() => plan(hostIp), (error) => {
      assert.ok(error instanceof InvalidParamsError, String(error));
      assert.match(error.message, /network\.ports\.0\.hostIp: .* is no address of one host/);
      return true;
    });
  }
  for (const hostIp of ["223.0.0.1", "0.0.0.0", "::", "fd00::1"]) plan(hostIp);
});
