// SPDX-License-Identifier: MIT
import { sizeOf } from "../../../src/linux/fs/size_of.ts";
import { until } from "../../../tests/harness/poll.ts";
import type { Conmon } from "../conmon.ts";
import type { DaemonEngine } from "../engine.ts";
import { cpuMsOfAll } from "../proc.ts";
import type { Bench, EngineNumbers, Measure, Row } from "../row.ts";

const MB = 1_000_000;

/** Where the container finds the lines that it writes. */
const SOURCE = "/lines";

/**
 * What a container writes goes to a log: CPU time of the process that writes the log. berth and
 * conmon write records with time and stream, containerd's shim the bytes as they are.
 */
export function logs(conmon: Conmon | undefined): Measure {
  return async (bench) => {
    const rows: Row[] = [];
    for (const length of [100, 16 * 1024]) rows.push(await measure(bench, length, conmon));
    return rows;
  };
}

async function measure(bench: Bench, length: number, conmon: Conmon | undefined): Promise<Row> {
  const dir = await Deno.makeTempDir({ prefix: "berth-bench-logs-" });
  const samples: EngineNumbers = {};
  const megabytes = bench.count(64, 4);
  try {
    const line = `${"x".repeat(length - 1)}\n`;
    await Deno.writeTextFile(`${dir}/lines`, line.repeat(Math.ceil(MB / length)));
    for (let round = -1; round < bench.count(10, 1); round++) {
      for (const engine of [...bench.daemons, conmon]) {
        if (engine === undefined) continue;
        const cpu = await write(bench, engine, dir, megabytes);
        if (round >= 0) (samples[engine.name] ??= []).push(cpu / (megabytes / 1000));
      }
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
  const size = length < 1024 ? `${length} bytes` : `${length / 1024} KiB`;
  return {
    title: `CPU of a log's writer, lines of ${size}, per GB`,
    unit: "ms",
    better: "lower",
    target: { bare: 1 },
    samples,
    note: conmon === undefined
      ? "conmon is not installed, so there is nothing to compare with"
      : `bare: ${conmon.version} with a k8s-file log; containerd: its shim writes a file, without ` +
        "times and streams",
  };
}

/** Returns the CPU time, in ms, that a log of so many megabytes has cost its writer. */
async function write(
  bench: Bench,
  engine: DaemonEngine | Conmon,
  dir: string,
  megabytes: number,
): Promise<number> {
  const id = bench.id();
  const log = `${dir}/${id}.log`;
  // It waits for input that never comes, so that its log's writer is still there to be asked.
  const script = `for i in $(seq ${megabytes}); do cat ${SOURCE}; done; exec sleep 1000000`;
  const spec = bench.spec(["sh", "-c", script]);
  const mount = {
    destination: SOURCE,
    type: "bind",
    source: `${dir}/lines`,
    options: ["bind", "ro"],
  };
  const mounts = Array.isArray(spec["mounts"]) ? spec["mounts"] : [];
  await engine.create(id, { ...spec, mounts: [...mounts, mount] }, { log });
  const writers = await engine.shimPids();
  const before = cpuMsOfAll(writers);
  const exited = engine.wait(id);
  await engine.start(id);
  const bytes = megabytes * MB;
  await until(`the log of ${id}`, () => sizeOf(log) >= bytes, { everyMs: 20 });
  const cpu = cpuMsOfAll(writers) - before;
  await engine.kill(id, 9);
  await exited;
  await engine.delete(id);
  await Deno.remove(log);
  return cpu;
}
