// SPDX-License-Identifier: MIT
import { RUN_FLAGS } from "../../build/launcher.ts";
import type { EngineName } from "../engine.ts";
import { dismiss, launch } from "../fleet.ts";
import { cpuMsOfAll, memoryOf } from "../proc.ts";
import type { Memory } from "../proc.ts";
import type { EngineNumbers, Measure, Row, Samples } from "../row.ts";

const SETTLE_MS = 3000;
const IDLE_MS = 10_000;

/** Memory and CPU of containers that do nothing, each with its own shim and in a group. */
export const atRest: Measure = async (bench) => {
  const size = bench.count(50, 4);
  const grouped = bench.count(20, 4);
  const own: Partial<Record<EngineName, Memory[]>> = { bare: [await floor()] };
  const group: Partial<Record<EngineName, Memory[]>> = {};
  const daemon: Partial<Record<EngineName, Memory[]>> = {};
  const idle: EngineNumbers = {};

  const fleets = [];
  for (const engine of bench.daemons) fleets.push(await launch(bench, engine, size));
  await sleep(SETTLE_MS);
  for (const engine of bench.daemons) {
    own[engine.name] = (await engine.shimPids()).map(memoryOf);
    daemon[engine.name] = [memoryOf(engine.daemonPid)];
  }
  for (let round = 0; round < bench.count(3, 1); round++) {
    for (const engine of bench.daemons) {
      const pids = [engine.daemonPid, ...await engine.shimPids(), ...await engine.idleShimPids()];
      (idle[engine.name] ??= []).push(await cpuShare(pids, bench.count(IDLE_MS, 500)));
    }
  }
  for (const fleet of fleets) await dismiss(fleet);

  for (const engine of bench.daemons) {
    const fleet = await launch(bench, engine, grouped, "g1");
    await sleep(SETTLE_MS);
    group[engine.name] = [perContainer(await engine.shimPids(), grouped)];
    await dismiss(fleet);
  }
  return [
    ...memoryRows(`per container, own shim, ${size} running`, own, { absolute: 9 }),
    ...memoryRows(`per container, ${grouped} in one shim group`, group, { absolute: 1 }),
    ...memoryRows(`of the daemon, ${size} running`, daemon),
    {
      title: `CPU of daemon and shims, ${size} idle containers`,
      unit: "ms/s",
      better: "lower",
      samples: idle,
    },
  ];
};

function memoryRows(
  what: string,
  memory: Partial<Record<EngineName, readonly Memory[]>>,
  target?: Row["target"],
): Row[] {
  const pick = (member: keyof Memory): Samples =>
    Object.fromEntries(
      Object.entries(memory).map(([name, list]) => [name, list.map((one) => one[member])]),
    );
  return [{
    title: `private memory ${what}`,
    unit: "MB",
    better: "lower",
    samples: pick("private"),
    ...(target === undefined ? {} : { target }),
    ...(memory.bare === undefined ? {} : { note: "bare: a Deno that only listens on a socket" }),
  }, {
    title: `anonymous memory ${what}`,
    unit: "MB",
    better: "lower",
    samples: pick("anonymous"),
  }];
}

/** A shim's memory, spread over the containers that it serves. */
function perContainer(pids: readonly number[], containers: number): Memory {
  const all = pids.map(memoryOf);
  const mean = (member: keyof Memory) =>
    all.reduce((sum, memory) => sum + memory[member], 0) / containers;
  return { private: mean("private"), anonymous: mean("anonymous") };
}

/** CPU time of these processes over `ms`, in ms per s. */
async function cpuShare(pids: readonly number[], ms: number): Promise<number> {
  const start = performance.now();
  const before = cpuMsOfAll(pids);
  await sleep(ms);
  return (cpuMsOfAll(pids) - before) / (performance.now() - start) * 1000;
}

/** Returns the memory of the least Deno process that a shim could be. */
async function floor(): Promise<Memory> {
  const dir = await Deno.makeTempDir({ prefix: "berth-bench-floor-" });
  const script = `${dir}/main.js`;
  await Deno.writeTextFile(
    script,
    `const listener = Deno.listen({ transport: "unix", path: ${JSON.stringify(`${dir}/s`)} });
console.log("ready");
for await (const connection of listener) connection.close();
`,
  );
  const process = new Deno.Command(Deno.execPath(), {
    args: [...RUN_FLAGS, script],
    env: { DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  try {
    const reader = process.stdout.getReader();
    await reader.read();
    await sleep(SETTLE_MS);
    const memory = memoryOf(process.pid);
    process.kill("SIGKILL");
    await reader.cancel();
    return memory;
  } finally {
    await process.status;
    await Deno.remove(dir, { recursive: true });
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
