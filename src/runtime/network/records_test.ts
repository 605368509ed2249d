// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type NetworkRecord, newRecord, writeRecord } from "../../network/record.ts";
import { loadConfig } from "../config/config.ts";
import { Conflists } from "./conflists.ts";
import { NetworkRecords } from "./records.ts";

/** Records below a directory of their own, with no networks but berth's configured. */
class TestRecords implements Disposable {
  readonly dir = Deno.makeTempDirSync();
  readonly records: NetworkRecords;

  constructor() {
    const config = loadConfig({ config: "/dev/null", state: this.dir });
    const network = { ...config.network, config_dir: `${this.dir}/net.d`, plugin_dirs: [] };
    this.records = new NetworkRecords(
      `${this.dir}/containers`,
      new Conflists({ ...config, network }),
    );
  }

  /** Writes a file in the place of the record of an instance. */
  write(instance: string, record: NetworkRecord | string): void {
    const paths = this.records.paths(instance);
    Deno.mkdirSync(paths.dir, { recursive: true });
    if (typeof record === "string") Deno.writeTextFileSync(paths.record, record);
    else writeRecord(paths, record);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

function recordOf(id: string, instance: string, network: string): NetworkRecord {
  const conflist = { cniVersion: "1.0.0", name: network, plugins: [{ type: "ptp" }] };
  return newRecord({ id, instance }, [{ conflist, ifname: "eth0", runtimeConfig: {} }], []);
}

Deno.test("NetworkRecords.add: the networks that are there, each until it is deleted", () => {
  using area = new TestRecords();
  const { records } = area;
  const [one, two] = [recordOf("web", "1", "front"), recordOf("db", "2", "back")];
  records.add(one);
  records.add(two);
  assert.equal(records.get("1"), one);
  assert.deepEqual([...records.all()], [one, two]);
  // None of them is configured any more.
  assert.deepEqual([...records.networks().keys()].sort(), ["back", "bridge", "front"]);
  records.delete("1");
  assert.equal(records.get("1"), undefined);
  assert.deepEqual([...records.networks().keys()].sort(), ["back", "bridge"]);
});

Deno.test("NetworkRecords.instances: those on disk, none before the first", () => {
  using area = new TestRecords();
  const { records } = area;
  assert.deepEqual(records.instances(), []);
  area.write("1", recordOf("web", "1", "front"));
  area.write("2", "{");
  // Not of berth.
  Deno.writeTextFileSync(`${area.dir}/containers/notes`, "");
  Deno.symlinkSync("1", `${area.dir}/containers/link`);
  assert.deepEqual(records.instances().sort(), ["1", "2"]);
  assert.deepEqual(["1", "2", "3"].map((instance) => records.peek(instance)?.id), [
    "web",
    undefined,
    undefined,
  ]);
});

Deno.test("NetworkRecords.read: a record as it is, none, and in place of a damaged one what is known", () => {
  using area = new TestRecords();
  const { records } = area;
  const written = recordOf("web", "1", "front");
  area.write("1", written);
  assert.deepEqual(records.read({ instance: "1" }), written);
  assert.equal(records.read({ instance: "3" }), undefined);
  area.write("2", "{");
  const owner = { id: "db", instance: "2", network: { name: "bridge" } };
  const told = records.read(owner);
  assert.equal(told?.id, "db");
  assert.equal(told.removing, "begun");
  assert.deepEqual(told.attachments.map(({ conflist }) => conflist.name), ["bridge"]);
  // Each plugin is run once more.
  assert.ok(
    told.attachments.every(({ conflist, steps }) => steps.length === conflist.plugins.length),
  );
  // Of a network that there is none of any more, and of no params, nothing is known but what has leases.
  for (const network of [{ name: "gone" }, undefined]) {
    const unknown = records.read({ ...owner, network });
    assert.deepEqual(unknown?.attachments.flatMap(({ steps }) => steps), []);
  }
});

Deno.test("NetworkRecords.read: a record with parts that are none is a damaged one", () => {
  using area = new TestRecords();
  const { records } = area;
  const owner = { id: "web", instance: "1", network: { name: "bridge" } };
  const whole = recordOf("web", "1", "front");
  const [attachment] = whole.attachments;
  const parts = [
    null,
    { ...attachment, ifname: 1 },
    { ...attachment, runtimeConfig: null },
    { ...attachment, steps: [null] },
    { ...attachment, conflist: { ...attachment?.conflist, plugins: [null] } },
  ];
  const damaged = [
    ...parts.map((part) => ({ ...whole, attachments: [part] })),
    { ...whole, ports: [null] },
  ];
  for (const record of damaged) {
    const text = JSON.stringify(record);
    area.write("1", text);
    const [told] = records.read(owner)?.attachments ?? [];
    assert.equal(told?.conflist.name, "bridge", text);
  }
});

Deno.test("NetworkRecords.findLost: networks without a record, by the addresses that are kept", () => {
  using area = new TestRecords();
  const { dir, records } = area;
  records.findLost([{ id: "web", instance: "1", network: { name: "bridge" } }]);
  assert.deepEqual(records.instances(), []);
  const lease = (network: string, address: string, owner: string) => {
    Deno.mkdirSync(`${dir}/network/leases/${network}`, { recursive: true });
    Deno.writeTextFileSync(`${dir}/network/leases/${network}/${address}`, owner);
  };
  lease("bridge", "10.87.0.2", "berth-1\r\neth0");
  lease("bridge", "10.87.0.3", "berth-2\r\neth0");
  lease("bridge", "10.87.0.4", "");
  lease("bridge", "10.87.0.5", "of others");
  lease("bridge", "10.87.0.6", "berth-3");
  const noInstances = ["", ".", "..", "../../../x", "a\0b", "x".repeat(300)];
  for (const [at, name] of noInstances.entries()) lease("bridge", `10.87.1.${at}`, `berth-${name}`);
  area.write("3", recordOf("db", "3", "bridge"));
  const ipam = { type: "host-local", dataDir: `${dir}/elsewhere` };
  const conflist = { cniVersion: "1.0.0", name: "own", plugins: [{ type: "ptp", ipam }] };
  Deno.mkdirSync(`${dir}/elsewhere/own`, { recursive: true });
  // What is kept elsewhere may be another daemon's.
  for (const [address, id] of [["10.1.0.2", "4"], ["10.1.0.3", "5"]]) {
    Deno.writeTextFileSync(`${dir}/elsewhere/own/${address}`, `berth-${id}`);
  }
  const owner = { id: "api", instance: "4", network: { conflist } };
  records.findLost([owner, { id: "none", instance: "6" }]);
  assert.deepEqual(records.instances().sort(), ["1", "2", "3", "4"]);
  const found = (instance: string, network?: unknown) =>
    records.read({ instance, network })?.attachments.flatMap(({ conflist: { name }, steps }) =>
      steps.length > 0 ? [name] : []
    );
  assert.deepEqual([found("1", { name: "bridge" }), found("2")], [["bridge"], ["bridge"]]);
  assert.deepEqual(found("4", owner.network), ["own"]);
  records.delete("2");
  assert.deepEqual(records.instances().sort(), ["1", "3", "4"]);
  assert.equal(records.read({ instance: "2" }), undefined);
});
