// SPDX-License-Identifier: MIT
import type { NetworkParams } from "../../../src/rpc/contract/network/schemas.ts";
import { TestDaemon } from "../../../tests/harness/daemon.ts";
import type { JsonObject } from "../../../tests/harness/rootfs.ts";
import { MISSING_FOR_NETWORKS, TestNetwork } from "../../../tests/harness/test_network.ts";
import { timed } from "../row.ts";
import type { Measure } from "../row.ts";

const NOTE = "CNI plugins of the system, in a network namespace of the benchmark's own";

/** A life with a network of its own, by what the network is. Nothing where plugins are missing. */
export const networks: Measure = async (bench) => {
  if (MISSING_FOR_NETWORKS.length > 0) return [];
  await using network = await TestNetwork.make();
  await using daemon = await TestDaemon.start({ program: network.program });
  const measure = async (params?: NetworkParams) => {
    const samples: number[] = [];
    const warmUp = bench.count(5, 1);
    for (let count = bench.count(30, 2) + warmUp; count > 0; count--) {
      samples.push(await timed(() => life(daemon, bench.id(), params)));
    }
    return { berth: samples.slice(warmUp) };
  };
  const row = { unit: "ms", better: "lower", note: NOTE } as const;
  const ports = [{ hostPort: 8080, containerPort: 80 }];
  return [
    { ...row, title: "life with loopback alone", samples: await measure() },
    {
      ...row,
      title: "life with the network bridge",
      samples: await measure({ name: "bridge" }),
    },
    {
      ...row,
      title: "life with the network bridge and a port",
      samples: await measure({ name: "bridge", ports }),
    },
  ];
};

async function life(daemon: TestDaemon, id: string, network?: NetworkParams): Promise<void> {
  const namespaces = ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type }));
  const spec: JsonObject = daemon.spec(["true"], { linux: { namespaces } });
  await daemon.client.call("container.create", { id, spec, ...(network && { network }) });
  const exited = daemon.client.call("container.wait", { id });
  await daemon.client.call("container.start", { id });
  await exited;
  await daemon.client.call("container.delete", { id });
}
