// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type AttachmentStep, type NetworkRecord, newRecord } from "../../network/record.ts";
import { addressesByNetwork, addressesOf, describeNetwork } from "./addresses.ts";

const added = {
  done: true,
  result: {
    interfaces: [{ name: "eth0", sandbox: "/netns", mac: "02:00:00:00:00:01" }],
    ips: [
      { interface: 0, address: "10.0.0.2/24", gateway: "10.0.0.1" },
      { interface: 0, address: "fd00::2/64" },
    ],
  },
};

/** A record of one network of two plugins, of which the steps were made. */
function recordOf(steps: readonly AttachmentStep[]): NetworkRecord {
  const conflist = {
    cniVersion: "1.0.0",
    name: "front",
    plugins: [{ type: "bridge" }, { type: "portmap" }],
  };
  const ports = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" as const }];
  const record = newRecord(
    { id: "web", instance: "i" },
    [{ conflist, ifname: "eth0", runtimeConfig: {} }],
    ports,
  );
  return {
    ...record,
    attachments: record.attachments.map((attachment) => ({ ...attachment, steps })),
  };
}

Deno.test("describeNetwork: what the last result says of the container's own interface", () => {
  // The second plugin gave nothing.
  const state = describeNetwork(recordOf([added, { done: true }]), "/netns");
  assert.deepEqual(state, {
    namespace: "/netns",
    interfaces: [{
      network: "front",
      interface: "eth0",
      mac: "02:00:00:00:00:01",
      addresses: ["10.0.0.2/24", "fd00::2/64"],
      gateways: ["10.0.0.1"],
    }],
    ports: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
  });
});

Deno.test("describeNetwork: a network without a result has an interface without addresses", () => {
  assert.deepEqual(describeNetwork(recordOf([]), "/netns").interfaces, [
    { network: "front", interface: "eth0", addresses: [], gateways: [] },
  ]);
});

Deno.test("addressesOf: with the lengths of their prefixes", () => {
  assert.deepEqual(addressesOf(recordOf([added])), ["10.0.0.2/24", "fd00::2/64"]);
});

Deno.test("addressesByNetwork: of a network that is whole, without the lengths", () => {
  const whole = recordOf([added, { done: true }]);
  assert.deepEqual(
    addressesByNetwork(whole),
    new Map([["front", ["10.0.0.2", "fd00::2"]]]),
  );
  assert.equal(addressesByNetwork(recordOf([added])), undefined, "a plugin was not run");
  assert.equal(
    addressesByNetwork(recordOf([added, { done: false }])),
    undefined,
    "one has not ended",
  );
  assert.equal(
    addressesByNetwork({ ...whole, removing: "begun" }),
    undefined,
    "it is being removed",
  );
});
