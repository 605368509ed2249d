// SPDX-License-Identifier: MIT
import { bridgeConflist } from "../../../src/network/bridge.ts";
import type { NetworkParams } from "../../../src/rpc/contract/schemas/network.ts";
import { findExecutable } from "../../../src/oci/driver/executable.ts";
import { cli, rootfsArgs } from "../../../tests/harness/cli.ts";
import { TestDaemon } from "../../../tests/harness/daemon.ts";
import type { JsonObject } from "../../../tests/harness/rootfs.ts";
import { TestNetwork } from "../../../tests/harness/network/test_network.ts";
import { BareNetwork } from "../bare_network.ts";
import { life } from "../engine.ts";
import { Podman } from "../podman.ts";
import { inTurn, timed } from "../row.ts";
import type { Bench, Measure, Row, Samples } from "../row.ts";

const NOTE =
  "CNI plugins of the system, in a network namespace of the benchmark's own; bare: the " +
  "same plugins by hand around runc, between `ip netns add` and `ip netns del`, each by nsenter";

/** The port of the last row. */
const PORTS = [{ hostPort: 8080, containerPort: 80 }];

/** A life with a network of its own, by what the network is. */
export const networks: Measure = async (bench) => {
  await using network = await TestNetwork.make();
  await using daemon = await TestDaemon.start({ program: network.program });
  // As berth's own, beside it.
  const bridge = (name: string, subnets: readonly string[], ports: boolean) =>
    bridgeConflist({
      bridge: name,
      subnets,
      leases: `${daemon.dir}/${name}-leases`,
      ports,
      has: () => true,
      ipv6: true,
    });
  const bare = (ports: boolean) =>
    new BareNetwork({
      runc: bench.bare,
      onHost: network.hostCommand,
      plugins: "/usr/lib/cni",
      conflist: bridge("bench0", ["10.211.0.0/16", "fd00:be11::/64"], ports),
      runtimeConfig: ports
        ? { portMappings: PORTS.map((port) => ({ ...port, protocol: "tcp" })) }
        : {},
    });
  const berth = (params?: NetworkParams) => () => berthLife(daemon, bench.id(), params);
  const bareLife = (ports: boolean) => () =>
    bare(ports).life(bench.id(), (path) => containerSpec(daemon, path));
  const podman = await Podman.find({
    dir: `${daemon.dir}/podman`,
    runc: findExecutable("runc"),
    onHost: network.hostCommand,
    plugins: "/usr/lib/cni",
    conflist: bridge("bench1", ["10.212.0.0/16", "fd00:be12::/64"], false),
  });
  const row = { unit: "ms", better: "lower" } as const;
  const commands: Row[] = podman === undefined ? [] : [{
    ...row,
    title: "`run --rm --net` of a network, as a command",
    note: `the other: ${podman.version} with its networks by the same plugins, by its command`,
    samples: await measure(bench, {
      berth: () => berthCommand(daemon),
      bare: () => podman.life(),
    }),
  }];
  return [
    ...commands,
    {
      ...row,
      title: "life with loopback alone",
      samples: await measure(bench, {
        berth: berth(),
        bare: () => life(bench.bare, bench.id(), containerSpec(daemon)),
      }),
    },
    {
      ...row,
      title: "life with the network bridge",
      note: NOTE,
      samples: await measure(bench, { berth: berth({ name: "bridge" }), bare: bareLife(false) }),
    },
    {
      ...row,
      title: "life with the network bridge and a port",
      note: NOTE,
      samples: await measure(bench, {
        berth: berth({ name: "bridge", ports: PORTS }),
        bare: bareLife(true),
      }),
    },
  ];
};

/** Measures a life of each, in turn. */
async function measure(
  bench: Bench,
  lives: Readonly<Record<"berth" | "bare", () => Promise<void>>>,
): Promise<Samples> {
  return await inTurn(
    [{ name: "berth" }, { name: "bare" }] as const,
    { count: bench.count(30, 2), warmUp: bench.count(5, 1) },
    ({ name }) => timed(lives[name]),
  );
}

async function berthCommand(daemon: TestDaemon): Promise<void> {
  const args = ["run", "--rm", "--net", "bridge", ...rootfsArgs(daemon), "--", "true"];
  const { code, stderr } = await cli(daemon, args);
  if (code !== 0) throw new Error(stderr);
}

async function berthLife(daemon: TestDaemon, id: string, network?: NetworkParams): Promise<void> {
  const spec = containerSpec(daemon);
  await daemon.client.call("container.create", { id, spec, ...(network && { network }) });
  const exited = daemon.exitOf(id);
  await daemon.client.call("container.start", { id });
  await exited;
  await daemon.client.call("container.delete", { id });
}

/** Returns the spec of a container in the network namespace at `path`, or in one that is made for it. */
function containerSpec(daemon: TestDaemon, path?: string): JsonObject {
  const namespaces = [
    ...["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
    { type: "network", ...(path !== undefined && { path }) },
  ];
  return daemon.spec(["true"], { linux: { namespaces } });
}
