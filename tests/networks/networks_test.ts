// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { ContainerState } from "../../src/rpc/contract/schemas.ts";
import type { NetworkParams } from "../../src/rpc/contract/schemas/network.ts";
import { InvalidParamsError } from "../../src/rpc/errors.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { until } from "../harness/poll.ts";
import { signalChild } from "../harness/processes.ts";
import {
  httpGet,
  httpServer,
  networkTest,
  takenAddresses,
  TestNetwork,
} from "../harness/network/test_network.ts";

const CONFIG = `${COLD}[network]\nsubnets = ["10.87.0.0/24", "fd87::/64"]\n`;

/** Creates and starts a server; returns its state. */
async function serve(
  daemon: TestDaemon,
  id: string,
  network: Partial<NetworkParams>,
): Promise<ContainerState> {
  await daemon.run(id, httpServer(id), { hostname: id }, {
    network: network.conflist === undefined ? { name: "bridge", ...network } : network,
  });
  return await daemon.stateOf(id);
}

/** The addresses of a container without their prefixes, IPv4 first. */
function addressesOf({ network }: ContainerState): string[] {
  return (network?.interfaces ?? []).flatMap(({ addresses }) => addresses)
    .map((address) => address.split("/")[0] ?? "");
}

networkTest(
  "networks: bridge, with ports over TCP and UDP, IPv4 and IPv6, hairpin, and nothing left",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({ program: network.program, config: CONFIG });
    await serve(daemon, "warm-up", { ports: [{ hostPort: 9000, containerPort: 8000 }] });
    await daemon.remove("warm-up");
    const before = await network.traces();
    const web = await serve(daemon, "web", {
      ports: [
        { hostPort: 8080, containerPort: 8000 },
        { hostPort: 5353, containerPort: 5300, protocol: "udp" },
        { hostPort: 8081, containerPort: 8000, hostIp: "127.0.0.1" },
      ],
    });
    const other = await serve(daemon, "other", {});
    const [v4 = "", v6 = ""] = addressesOf(web);
    assert.match(v4, /^10\.87\.0\./);
    assert.match(v6, /^fd87::/);
    assert.deepEqual(web.network?.ports.map(({ hostPort }) => hostPort), [8080, 5353, 8081]);
    assert.equal(web.network?.interfaces[0]?.interface, "eth0");

    // The host, by the container's address and by the mapping; the neighbor, by the mapping.
    for (
      const url of [
        `http://${v4}:8000/`,
        `http://[${v6}]:8000/`,
        "http://127.0.0.1:8080/",
        "http://192.0.2.1:8080/",
        "http://127.0.0.1:8081/",
      ]
    ) assert.equal(await network.getUntilThere(url), "web", url);
    assert.equal(await network.getUntilThere("http://192.0.2.1:8080/", "neighbor"), "web");
    assert.equal(await network.getUntilThere("http://[2001:db8::1]:8080/", "neighbor"), "web");
    assert.equal(await network.get("http://192.0.2.1:8081/", "neighbor"), undefined);
    // The container's busybox has no server of UDP.
    const udp = network.spawnOnHost(
      ...[
        "nsenter",
        "-t",
        String(web.pid),
        "-n",
        "socat",
        "-T5",
        "UDP4-LISTEN:5300,fork",
        "EXEC:cat",
      ],
    );
    const echo = "exec 3<>/dev/udp/192.0.2.1/5353; echo hello >&3; timeout 2 head -n1 <&3 || true";
    await until(
      "a UDP echo",
      async () => (await network.onNeighbor("bash", "-c", echo)).includes("hello"),
    );
    signalChild(udp, "SIGKILL");
    await udp.status;

    // Containers: each other, the outside, and their own port of the host.
    const inside = async (id: string, url: string) => {
      const answer = await network.inContainer(daemon, id, ...httpGet(url));
      return answer.split("\r\n\r\n")[1];
    };
    assert.equal(await inside("other", `http://${v4}:8000/`), "web");
    assert.equal(await inside("other", "http://192.0.2.1:8080/"), "web");
    assert.equal(await inside("web", "http://192.0.2.1:8080/"), "web");
    assert.equal(await inside("web", "http://127.0.0.1:8000/"), "web");
    assert.notEqual(addressesOf(other)[0], v4);

    const { networks } = await daemon.client.call("network.list", {});
    const bridge = networks.find(({ name }) => name === "bridge");
    assert.deepEqual(bridge?.missing, []);
    assert.deepEqual(bridge?.containers.map(({ id }) => id), ["other", "web"]);
    using events = await EventCollector.subscribe(daemon.socket, { after: 0, ids: ["web"] });
    const created = await events.wait({ type: "create", id: "web" });
    assert.deepEqual(created.network, web.network);

    for (const id of ["web", "other"]) await daemon.remove(id);
    assert.deepEqual(await network.traces(), before);
    assert.deepEqual([...Deno.readDirSync(`${daemon.state}/network/containers`)], []);
    assert.deepEqual(takenAddresses(daemon), []);
  },
);

networkTest(
  "networks: a port that a container or a process has is refused, and free afterwards",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({ program: network.program, config: CONFIG });
    const port = { hostPort: 8080, containerPort: 8000 };
    await serve(daemon, "web", { ports: [port] });
    const refused = (ports: NetworkParams["ports"], message: RegExp) =>
      assert.rejects(serve(daemon, "second", { ports }), { kind: "FailedPrecondition", message });
    await refused([port], /second.*port 8080\/tcp of the host is taken by container web/);
    await refused([{ ...port, hostIp: "127.0.0.1" }], /is taken by container web/);
    await refused([{ ...port, hostPort: 8082, hostIp: "203.0.113.9" }], /does not have/);
    await assert.rejects(
      serve(daemon, "second", {
        ports: [{ ...port, hostPort: 8082 }, { ...port, hostPort: 8082 }],
      }),
      InvalidParamsError,
    );
    // A process of the host.
    const process = network.spawnOnHost("busybox", "httpd", "-f", "-p", "8083", "-h", "/tmp");
    await until(
      "a server",
      async () =>
        (await network.onHost("cat", "/proc/net/tcp", "/proc/net/tcp6")).includes(":1F93 "),
    );
    await refused(
      [{ ...port, hostPort: 8083 }],
      /port 8083\/tcp of the host is taken by a process/,
    );
    signalChild(process, "SIGKILL");
    await process.status;
    // The same port of each family, as docker has it.
    const both = [{ ...port, hostPort: 8084, hostIp: "0.0.0.0" }, {
      ...port,
      hostPort: 8084,
      hostIp: "::",
    }];
    await serve(daemon, "both", { ports: both });
    assert.equal(await network.getUntilThere("http://192.0.2.1:8084/", "neighbor"), "both");
    assert.equal(await network.getUntilThere("http://[2001:db8::1]:8084/", "neighbor"), "both");
    await refused([{ ...port, hostPort: 8084, hostIp: "::1" }], /is taken by container both/);
    await daemon.remove("both");
    // Neither by a process of the host, as long as the container has it; a restarted daemon sees to it.
    for (const restart of [false, true]) {
      if (restart) await daemon.restart();
      const server = ["busybox", "httpd", "-f", "-p", "8080", "-h", "/tmp"];
      assert.equal(
        (await network.spawnOnHost("busybox", "timeout", "5", ...server).status).code,
        1,
      );
      await refused([port], /is taken by container web/);
    }
    assert.equal(await network.getUntilThere("http://127.0.0.1:8080/"), "web");
    await daemon.remove("web");
    await serve(daemon, "second", { ports: [port] });
    assert.equal(await network.getUntilThere("http://127.0.0.1:8080/"), "second");
    await daemon.remove("second");
    assert.deepEqual(takenAddresses(daemon), []);
  },
);
