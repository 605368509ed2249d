// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Command, InvalidArgumentError } from "commander";
import {
  chooseNetwork,
  collectNetwork,
  collectPorts,
  couldPublish,
  withNetwork,
} from "./network.ts";

Deno.test("collectPorts: ports, addresses, protocols and ranges, as docker takes them", () => {
  const tcp = { protocol: "tcp" } as const;
  const cases = {
    "8080:80": [{ hostPort: 8080, containerPort: 80, ...tcp }],
    "5353:53/udp": [{ hostPort: 5353, containerPort: 53, protocol: "udp" as const }],
    "5354:53/UDP": [{ hostPort: 5354, containerPort: 53, protocol: "udp" as const }],
    "127.0.0.1:8080:80": [{ hostIp: "127.0.0.1", hostPort: 8080, containerPort: 80, ...tcp }],
    "[::1]:8080:80/tcp": [{ hostIp: "::1", hostPort: 8080, containerPort: 80, ...tcp }],
    "8000-8001:80-81": [
      { hostPort: 8000, containerPort: 80, ...tcp },
      { hostPort: 8001, containerPort: 81, ...tcp },
    ],
  };
  for (const [text, ports] of Object.entries(cases)) {
    assert.deepEqual(collectPorts(text, undefined), ports, text);
  }
  assert.equal(collectPorts("81:81", collectPorts("80:80", undefined)).length, 2);
  for (
    const text of [
      ...["80", ":80", "0:80", "65536:80", "80:80/sctp", "1.2.3:80:80", "::1:80:80", "80-90:80"],
      ...["90-80:80-90", "a:b", "", "1-2000:1-2000"],
    ]
  ) assert.throws(() => collectPorts(text, undefined), InvalidArgumentError, text);
});

Deno.test("collectNetwork: a mode, another container, or one or more networks", () => {
  const parse = (...texts: string[]) =>
    texts.reduce<ReturnType<typeof collectNetwork> | undefined>(
      (previous, text) => collectNetwork(text, previous),
      undefined,
    );
  assert.equal(parse("none"), "none");
  assert.equal(parse("host"), "host");
  assert.deepEqual(parse("container:web"), { container: "web" });
  assert.deepEqual(parse("bridge"), { networks: ["bridge"] });
  assert.deepEqual(parse("front", "back"), { networks: ["front", "back"] });
  for (const text of ["", "container:", "a/b", "container:a:b"]) {
    assert.throws(() => collectNetwork(text, undefined), InvalidArgumentError, text);
  }
  for (const texts of [["none", "front"], ["front", "host"], ["host", "none"]]) {
    assert.throws(() => parse(...texts), InvalidArgumentError, texts.join());
  }
});

Deno.test("chooseNetwork: bridge for an image where it can be had, and what is asked for elsewhere", async () => {
  const daemon = (reason?: string) => ({
    call: () =>
      Promise.resolve({
        networks: [{
          name: "bridge",
          plugins: ["bridge"],
          missing: reason === undefined ? [] : ["bridge"],
          containers: [],
          ...(reason !== undefined && { reason }),
        }],
      }),
  });
  assert.deepEqual(await chooseNetwork(daemon(), {}, true), { name: "bridge" });
  assert.equal(await chooseNetwork(daemon("not installed"), {}, true), undefined);
  assert.equal(await chooseNetwork(daemon(), {}, false), undefined);
  assert.equal(await chooseNetwork(daemon(), { network: "none" }, true), undefined);
  const publish = collectPorts("80:80", undefined);
  assert.deepEqual(await chooseNetwork(daemon(), { publish }, false), {
    name: "bridge",
    ports: publish,
  });
  assert.deepEqual(
    await chooseNetwork(daemon(), { network: { networks: ["a", "b"] }, ip: "10.0.0.2" }, false),
    { name: "a", additional: [{ name: "b" }], ips: ["10.0.0.2"] },
  );
  await assert.rejects(
    chooseNetwork(daemon(), { network: { container: "web" }, ip: "10.0.0.2" }, false),
    /--ip needs a network of the container's own, not container:web/,
  );
});

Deno.test("couldPublish: only where the container has a network of its own and no port is published", () => {
  assert.equal(couldPublish({}), true);
  assert.equal(couldPublish({ network: { networks: ["front"] } }), true);
  assert.equal(couldPublish({ network: "host" }), false);
  assert.equal(couldPublish({ network: "none" }), false);
  assert.equal(couldPublish({ network: { container: "web" } }), false);
  assert.equal(couldPublish({ publish: collectPorts("80:80", undefined) }), false);
});

Deno.test("withNetwork: --net and --mac are short for --network and --mac-address", () => {
  const mac = "02:42:0a:57:00:4d";
  for (
    const flags of [["--net", "host", "--mac", mac], ["--network=host", `--mac-address=${mac}`]]
  ) {
    const command = new Command();
    withNetwork(command);
    command.parse(flags, { from: "user" });
    assert.deepEqual(command.opts(), { network: "host", macAddress: mac });
  }
});
