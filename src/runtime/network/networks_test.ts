// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { SmallDisk } from "../../../tests/harness/small_disk.ts";
import { writeScript } from "../../../tests/harness/stand_in.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { exists } from "../../linux/fs/exists.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import { ResourceExhaustedError } from "../../rpc/errors.ts";
import { networkPaths, type NetworkRecord, newRecord, writeRecord } from "../../network/record.ts";
import { loadConfig } from "../config/config.ts";
import { CapturedLog } from "../util/log_testing.ts";
import { LastAddresses } from "./last_addresses.ts";
import { ContainerNetworks } from "./networks.ts";

Deno.test("ContainerNetworks.remove: that last addresses cannot be kept is in no network's way", async () => {
  using temp = new TempDir();
  const state = temp.path;
  const dir = `${state}/network/containers/instance`;
  Deno.mkdirSync(dir, { recursive: true });
  // In the place of the file.
  Deno.mkdirSync(`${state}/network/addresses.json`);
  using networks = new ContainerNetworks({
    config: loadConfig({ config: "/dev/null", state }),
    spawn: () => assert.fail("no program is run"),
    stopping: new AbortController().signal,
  });
  await networks.remove({ id: "web", instance: "instance" });
  assert.ok(!exists(dir));
});

Deno.test("ContainerNetworks.setUp: a full disk is a resource that is exhausted, whatever is being written", async () => {
  using temp = new TempDir();
  const state = temp.path;
  const instance = "instance";
  using disk = new SmallDisk(`${state}/network`, "size=1m");
  const { blksize: page } = Deno.statSync(`${state}/network`);
  assert.ok(page !== null && page > 0);
  using networks = new ContainerNetworks({
    config: loadConfig({ config: "/dev/null", state }),
    spawn: () => assert.fail("no program is run"),
    stopping: new AbortController().signal,
  });
  const hosts = { path: `${state}/network/hosts`, names: ["web"] };
  Deno.writeTextFileSync(hosts.path, "");
  const setUp = () => networks.setUp({ id: "web", instance, attachments: [], ports: [], hosts });
  const refused = async (what: RegExp) => {
    await assert.rejects(setUp(), (error) => {
      assert.ok(error instanceof ResourceExhaustedError, String(error));
      assert.match(error.message, what);
      return true;
    });
    disk.empty();
    await networks.remove({ id: "web", instance });
    assert.ok(!exists(`${state}/network/containers/${instance}`));
  };
  disk.fill();
  await refused(/^container web: cannot make its network: /);
  // Room for the record alone, which is one page.
  disk.fill(page);
  await refused(/^container web: cannot write its addresses into the hosts file: /);
});

Deno.test("ContainerNetworks.setUp: a container without an IPv6 address keeps no server of IPv6, unless that was given", async () => {
  using temp = new TempDir();
  const state = temp.path;
  const path = `${state}/resolv.conf`;
  using reaper = Reaper.start({ reapAll: false });
  const config = loadConfig({ config: "/dev/null", state });
  using networks = new ContainerNetworks({
    config: { ...config, network: { ...config.network, plugin_dirs: [state] } },
    spawn: (argv, options) => reaper.spawn(argv, options),
    stopping: new AbortController().signal,
  });
  const both = "nameserver 192.0.2.53\nnameserver 2001:db8::53\n";
  const v6 = "nameserver 2001:db8::53\nsearch lan\n";
  const v4Address = { address: "10.1.0.2/24" }, v6Address = { address: "2001:db8::2/64" };
  const publicOnes = "nameserver 8.8.8.8\nnameserver 8.8.4.4\nsearch lan\n";
  const cases: readonly {
    readonly text: string;
    readonly ips: readonly { readonly address: string }[];
    readonly servers?: readonly string[];
    readonly given?: { servers: string[] };
    readonly expected: string;
  }[] = [
    { text: both, ips: [v4Address], expected: "nameserver 192.0.2.53\n" },
    { text: v6, ips: [v4Address], expected: publicOnes },
    { text: both, ips: [v4Address, v6Address], expected: both },
    // It may get one by itself.
    { text: both, ips: [], expected: both },
    {
      text: v6,
      ips: [v4Address],
      servers: ["2001:db8::1"],
      expected: "nameserver 2001:db8::1\nsearch lan\n",
    },
    { text: v6, ips: [v4Address], given: { servers: ["2001:db8::53"] }, expected: v6 },
  ];
  for (const { text, ips, servers = [], given = {}, expected } of cases) {
    const result = JSON.stringify({ cniVersion: "1.0.0", ips, dns: { nameservers: servers } });
    writeScript(`${state}/test`, `echo '${result}'`);
    Deno.writeTextFileSync(path, text);
    const owner = { id: "web", instance: crypto.randomUUID() };
    const conflist = { cniVersion: "1.0.0", name: "net", plugins: [{ type: "test" }] };
    await networks.setUp({
      ...owner,
      attachments: [{ conflist, ifname: "eth0", runtimeConfig: {} }],
      ports: [],
      resolv: { path, given },
    });
    await networks.remove(owner);
    assert.equal(Deno.readTextFileSync(path), expected);
  }
});

/** Networks of a state directory in which records were left, of which no plugin is to be run. */
function networksIn(
  state: string,
  ...records: readonly (Partial<NetworkRecord> & { readonly instance: string })[]
): ContainerNetworks {
  for (const record of records) {
    const paths = networkPaths(`${state}/network/containers/${record.instance}`);
    Deno.mkdirSync(paths.dir, { recursive: true });
    writeRecord(paths, { ...newRecord({ id: "web", ...record }, [], []), ...record });
  }
  return new ContainerNetworks({
    config: loadConfig({ config: "/dev/null", state }),
    spawn: () => assert.fail("no program is run"),
    stopping: new AbortController().signal,
  });
}

async function untilGone(state: string, instance: string): Promise<void> {
  await until("the network is gone", () => !exists(`${state}/network/containers/${instance}`));
}

Deno.test("ContainerNetworks.removeInBackground: a failure is logged once, until its reason is another", async () => {
  using temp = new TempDir();
  using log = new CapturedLog();
  using networks = networksIn(temp.path);
  const reasons = ["stuck", "stuck", "worse", "worse"];
  let isGone = false;
  networks.remove = () => {
    const reason = reasons.shift();
    isGone = reason === undefined;
    return isGone ? Promise.resolve() : Promise.reject(new Error(reason));
  };
  networks.removeInBackground({ instance: "i" });
  await until("the network is gone", () => isGone);
  const failure = "error berth.network: cannot remove the network of instance i, will retry";
  assert.deepEqual(log.lines, [`${failure}: stuck`, `${failure}: worse`]);
});

Deno.test("ContainerNetworks.adopt: a port that a network is left with, too, is the living container's", async () => {
  // Of two directories either may be read first.
  for (const [living, left] of [["a", "b"], ["b", "a"]] as const) {
    using temp = new TempDir();
    const hostname = "127.0.0.1";
    using free = Deno.listen({ hostname, port: 0 });
    const { port } = free.addr;
    free.close();
    const ports = [{
      hostIp: hostname,
      hostPort: port,
      containerPort: 80,
      protocol: "tcp" as const,
    }];
    using networks = networksIn(
      temp.path,
      ...["a", "b"].map((instance) => ({
        instance,
        ports,
        ...(instance === left && { removing: "detached" as const }),
      })),
    );
    networks.adopt([], (ref) => ref.instance === living ? ref : undefined);
    await untilGone(temp.path, left);
    assert.throws(() => Deno.listen({ hostname, port }).close(), Deno.errors.AddrInUse, living);
    networks[Symbol.dispose]();
    Deno.listen({ hostname, port }).close();
  }
});

Deno.test("ContainerNetworks.adopt: of a container that has the id of a network that is left the addresses stay", async () => {
  using temp = new TempDir();
  Deno.mkdirSync(`${temp.path}/network`);
  const addresses = new Map([["bridge", ["10.87.0.9"]]]);
  const kept = () => new LastAddresses(`${temp.path}/network/addresses.json`);
  kept().set("web", addresses);
  using networks = networksIn(temp.path, { instance: "left", removing: "detached" });
  networks.adopt([], () => undefined);
  await untilGone(temp.path, "left");
  assert.deepEqual(kept().get("web"), addresses);
});

Deno.test("ContainerNetworks.instanceOf: not the instance whose network is left, where there is another of the id", () => {
  for (const [own, left] of [["a", "b"], ["b", "a"]] as const) {
    using temp = new TempDir();
    using networks = networksIn(
      temp.path,
      ...["a", "b"].map((instance) => ({
        instance,
        ...(instance === left && { removing: "begun" as const }),
      })),
    );
    assert.equal(networks.instanceOf("web"), own);
    assert.equal(networks.instanceOf("db"), undefined);
  }
  using temp = new TempDir();
  using networks = networksIn(temp.path, { instance: "a", removing: "begun" });
  assert.equal(networks.instanceOf("web"), "a");
});
