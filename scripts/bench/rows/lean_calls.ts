// SPDX-License-Identifier: MIT
import { output } from "../../../tests/harness/command.ts";
import type { DaemonEngine } from "../engine.ts";
import { cpuMs } from "../proc.ts";
import { inTurn } from "../row.ts";
import type { Bench, EngineNumbers, Measure, Row } from "../row.ts";

/**
 * The same calls as `calls.ts` from a client that does next to nothing (`../lean/`), for both in the
 * same language and in a process of its own, so that the daemons show.
 */
export const leanCalls: Measure = async (bench) => [
  ...await over(bench, 1),
  ...await over(bench, 64),
];

async function over(bench: Bench, connections: number): Promise<Row[]> {
  const cpu: EngineNumbers = {};
  const warmUp = bench.count(1, 0);
  const samples = await inTurn(
    bench.daemons,
    { count: bench.count(30, 1), warmUp },
    async (engine) => {
      const before = cpuMs(engine.daemonPid);
      const seconds = 0.4;
      const count = await answered(engine, connections, seconds);
      (cpu[engine.name] ??= []).push((cpuMs(engine.daemonPid) - before) / count * 1000);
      return count / seconds;
    },
  );
  cpu.berth?.splice(0, warmUp);
  cpu.containerd?.splice(0, warmUp);
  const on = connections === 1 ? "1 connection" : `${connections} connections`;
  return [{
    title: `daemon.info / Version, ${on}, lean clients`,
    unit: "/s",
    better: "higher",
    target: { containerd: 2 },
    samples,
    note: "a loop in Deno over bytes made before",
  }, {
    title: `… CPU per call in the daemon, ${on}, lean clients`,
    unit: "µs",
    better: "lower",
    samples: cpu,
  }];
}

/** How many calls are answered in some seconds. */
async function answered(
  engine: DaemonEngine,
  connections: number,
  seconds: number,
): Promise<number> {
  const script = new URL("../lean/client.ts", import.meta.url).pathname;
  const args = [engine.name, engine.socket, String(connections), String(seconds)];
  const { stdout, stderr } = await output([Deno.execPath(), "run", "-A", script, ...args]);
  const count = Number.parseInt(stdout);
  if (Number.isNaN(count)) throw new Error(`${script}: ${stderr}`);
  return count;
}
