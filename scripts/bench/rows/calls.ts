// SPDX-License-Identifier: MIT
import type { DaemonEngine } from "../engine.ts";
import { cpuMs } from "../proc.ts";
import { inTurn } from "../row.ts";
import type { Bench, EngineNumbers, Measure, Row } from "../row.ts";

/**
 * Round trips of `daemon.info` and of containerd's `Version`, each connection with one call at a
 * time. The client is this process, so what each client library costs has a row of its own, and
 * `lean_calls.ts` measures without them.
 */
export const calls: Measure = async (bench) => [
  ...await over(bench, 1),
  ...await over(bench, 64),
];

async function over(bench: Bench, connections: number): Promise<Row[]> {
  const client: EngineNumbers = {};
  const daemon: EngineNumbers = {};
  const warmUp = bench.count(1, 0);
  const samples = await inTurn(
    bench.daemons,
    { count: bench.count(30, 1), warmUp },
    async (engine) => {
      const figures = await stretch(engine, connections, bench.count(400, 200));
      (client[engine.name] ??= []).push(figures.client);
      (daemon[engine.name] ??= []).push(figures.daemon);
      return figures.perSecond;
    },
  );
  for (const list of [client.berth, client.containerd, daemon.berth, daemon.containerd]) {
    list?.splice(0, warmUp);
  }
  const on = connections === 1 ? "1 connection" : `${connections} connections`;
  return [{
    title: `daemon.info / Version, ${on}`,
    unit: "/s",
    better: "higher",
    target: { containerd: 2 },
    samples,
  }, {
    title: `… CPU per call in the daemon, ${on}`,
    unit: "µs",
    better: "lower",
    samples: daemon,
  }, {
    title: `… CPU per call in the client, ${on}`,
    unit: "µs",
    better: "lower",
    samples: client,
    note: "berth's own client and @grpc/grpc-js, both on Deno",
  }];
}

async function stretch(engine: DaemonEngine, connections: number, ms: number) {
  using open = new DisposableStack();
  const callers = [];
  for (let i = 0; i < connections; i++) callers.push(open.use(await engine.connect()));
  let count = 0;
  const cpu = { client: cpuMs("self"), daemon: cpuMs(engine.daemonPid) };
  const start = performance.now();
  await Promise.all(callers.map(async (caller) => {
    while (performance.now() < start + ms) {
      await caller.call();
      count++;
    }
  }));
  const elapsed = performance.now() - start;
  return {
    perSecond: count / elapsed * 1000,
    client: (cpuMs("self") - cpu.client) / count * 1000,
    daemon: (cpuMs(engine.daemonPid) - cpu.daemon) / count * 1000,
  };
}
