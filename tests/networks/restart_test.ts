// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TestDaemon } from "../harness/daemon.ts";
import { shutDown } from "../harness/reboot.ts";
import { AUDITED_CONFIG, createIn } from "../harness/network/audited_network.ts";
import {
  httpServer,
  NetworkAudit,
  networkTest,
  takenAddresses,
  TestNetwork,
} from "../harness/network/test_network.ts";
import { until } from "../harness/poll.ts";
import { namesIn } from "../harness/leaks/traces.ts";

/** A command that serves what the container's hosts file says. */
const SERVER = ["httpd", "-f", "-p", "8000", "-h", "/etc"];

networkTest(
  "networks: stop, start and restart keep the ports, and the address where it is free",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: AUDITED_CONFIG,
    });
    const { client } = daemon;
    const create = async (id: string, restart: boolean, ports: number[]) => {
      const hostsFile = `${daemon.dir}/hosts-${id}`;
      Deno.writeTextFileSync(hostsFile, "127.0.0.1\tlocalhost\n");
      const spec = daemon.spec(SERVER, { hostname: id });
      const mount = { destination: "/etc", type: "tmpfs", source: "tmpfs" };
      const hosts = {
        destination: "/etc/hosts",
        type: "bind",
        source: hostsFile,
        options: ["bind"],
      };
      const mounts = Array.isArray(spec["mounts"]) ? spec["mounts"] : [];
      await client.call("container.create", {
        id,
        spec: { ...spec, mounts: [...mounts, mount, hosts] },
        ...(restart && { restart: { policy: "unless-stopped" } }),
        network: {
          name: "bridge",
          hostsFile,
          aliases: ["www"],
          ports: ports.map((hostPort) => ({ hostPort, containerPort: 8000 })),
        },
      });
      await client.call("container.start", { id });
    };
    const addressOf = async (id: string) => {
      const { network: state } = await daemon.stateOf(id);
      return state?.interfaces[0]?.addresses[0]?.split("/")[0] ?? "";
    };
    const url = "http://192.0.2.1:8080/hosts";
    await create("warm-up", false, [8080]);
    await daemon.remove("warm-up");
    const audit = await NetworkAudit.take(network, daemon);
    await create("web", true, [8080]);
    const first = await addressOf("web");
    const expected = `127.0.0.1\tlocalhost\n${first}\tweb www\n`;
    assert.equal(await network.getUntilThere(url, "neighbor"), expected);
    await client.call("container.restart", { id: "web", timeout: 0 });
    assert.equal(await addressOf("web"), first);
    assert.equal(await network.getUntilThere(url, "neighbor"), expected);
    await client.call("container.stop", { id: "web", timeout: 0 });
    await daemon.restart();
    await daemon.client.call("container.start", { id: "web" });
    assert.equal(await network.getUntilThere(url, "neighbor"), expected);
    // Its address is another's meanwhile, as host-local has it; the ports remain.
    await daemon.client.call("container.stop", { id: "web", timeout: 0 });
    const lease = `${daemon.state}/network/leases/bridge/${first}`;
    Deno.writeTextFileSync(lease, "other\r\neth0", { create: false });
    await daemon.client.call("container.start", { id: "web" });
    const state = await daemon.stateOf("web");
    const second = state.network?.interfaces[0]?.addresses[0]?.split("/")[0] ?? "";
    assert.match(second, /^10\.87\.0\.\d+$/);
    assert.notEqual(second, first);
    assert.equal(
      await network.getUntilThere(url, "neighbor"),
      `127.0.0.1\tlocalhost\n${second}\tweb www\n`,
    );
    await daemon.remove("web");
    Deno.removeSync(lease);
    await audit.assertClean("a restarted container");
  },
);

networkTest(
  "networks: neighbors know at once who has an address now, of IPv4 and of IPv6",
  async () => {
    await using network = await TestNetwork.make();
    const subnets = ["10.87.0.0/24", "fd87::/64"];
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: `[network]\nsubnets = ${JSON.stringify(subnets)}\n`,
    });
    const { client } = daemon;
    const run = async (id: string, ips: string[]) => {
      await createIn(daemon, id, { name: "bridge", ips });
      await client.call("container.start", { id });
    };
    // It keeps the bridge up, and with it what the host knows.
    await run("other", []);
    const ips = ["10.87.0.9", "fd87::9"];
    await run("first", ips);
    for (const ip of ips) await network.onHost("busybox", "ping", "-c", "1", "-W", "5", ip);
    await daemon.remove("first");
    await run("second", ips);
    const { network: state } = await daemon.stateOf("second");
    const mac = state?.interfaces[0]?.mac ?? "";
    assert.match(mac, /^[0-9a-f:]{17}$/);
    // Nothing is sent meanwhile, so that the kernel has no reason to ask.
    for (const ip of ips) {
      await until(`${mac} at ${ip}`, async () => {
        return (await network.onHost("ip", "neigh", "show", ip)).includes(mac);
      }, { timeoutMs: 10_000 });
    }
    for (const id of ["other", "second"]) await daemon.remove(id);
  },
);

networkTest(
  "networks: a reboot leaves no lease, name or port taken, and what has a policy comes back",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: AUDITED_CONFIG,
    });
    const create = async (id: string, hostPort: number, policy: "always" | "no") => {
      await daemon.run(id, httpServer(id), {}, {
        restart: { policy },
        network: {
          name: "bridge",
          ips: [`10.87.0.${hostPort - 8000}`],
          ports: [{ hostPort, containerPort: 8000 }],
        },
      });
    };
    await create("kept", 8010, "always");
    await create("gone", 8020, "no");
    await shutDown(daemon);
    await network.reboot();
    await daemon.start();
    const url = (hostPort: number) => `http://192.0.2.1:${hostPort}/`;
    assert.equal(await network.getUntilThere(url(8010), "neighbor"), "kept");
    assert.deepEqual(takenAddresses(daemon), ["10.87.0.10"]);
    await create("gone", 8020, "no");
    assert.equal(await network.getUntilThere(url(8020), "neighbor"), "gone");
    for (const id of ["kept", "gone"]) await daemon.remove(id);
    assert.deepEqual(takenAddresses(daemon), []);
    assert.deepEqual(namesIn(`${daemon.state}/network/containers`), []);
    assert.doesNotMatch((await network.traces()).join("\n"), /veth|10\.87\.0\.[12]0/);
  },
);

/** A program that asks a URL, four times at once, until there is a file. */
const LOAD = `
  const [url, stop] = Deno.args;
  const failed = [];
  let answered = 0;
  const there = () => { try { return Deno.statSync(stop).isFile; } catch { return false; } };
  const ask = async () => {
    do {
      try {
        const text = await (await fetch(url, { signal: AbortSignal.timeout(60_000) })).text();
        if (text === "web") answered++;
        else failed.push(text);
      } catch (error) {
        failed.push(String(error));
      }
    } while (!there());
  };
  await Promise.all([ask(), ask(), ask(), ask()]);
  console.log(JSON.stringify({ answered, failed }));
`;

networkTest(
  "networks: the mapping goes on while no daemon runs, and no request fails over its restart",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: AUDITED_CONFIG,
    });
    const ports = [{ hostPort: 8080, containerPort: 8000 }];
    await createIn(daemon, "web", { name: "bridge", ports }, httpServer("web"));
    await daemon.client.call("container.start", { id: "web" });
    const url = "http://192.0.2.1:8080/";
    assert.equal(await network.getUntilThere(url, "neighbor"), "web");
    const stop = `${daemon.dir}/stop`;
    const requests = network.onNeighbor(Deno.execPath(), "eval", LOAD, url, stop);
    await daemon.kill9();
    assert.equal(await network.getUntilThere(url, "neighbor"), "web");
    await daemon.start();
    await daemon.connected("web");
    Deno.writeTextFileSync(stop, "");
    const { answered, failed } = JSON.parse(await requests);
    assert.deepEqual(failed, []);
    assert.ok(answered > 0);
    await daemon.remove("web");
  },
);

networkTest(
  "networks: a container that runs keeps its network though its record is damaged",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: AUDITED_CONFIG,
    });
    await createIn(daemon, "warm-up", { name: "bridge" });
    await daemon.remove("warm-up");
    const audit = await NetworkAudit.take(network, daemon);
    const ip = "10.87.0.9";
    await createIn(daemon, "c", { name: "bridge", ips: [ip] });
    await daemon.client.call("container.start", { id: "c" });
    await daemon.kill9();
    Deno.writeTextFileSync(`${daemon.state}/linux/c/berth.json`, "");
    await daemon.start();
    const state = await daemon.stateOf("c");
    assert.deepEqual(state.network?.interfaces[0]?.addresses, [`${ip}/24`]);
    await network.onHost("busybox", "ping", "-c", "1", "-W", "5", ip);
    await daemon.remove("c");
    await audit.assertClean("a container with a damaged record");
  },
);
