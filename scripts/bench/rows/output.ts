// SPDX-License-Identifier: MIT
import { mkfifo } from "../../../src/linux/fd/fifo.ts";
import type { DaemonEngine } from "../engine.ts";
import { cpuMsOfAll } from "../proc.ts";
import type { Bench, EngineNumbers, Measure } from "../row.ts";

const BLOCK = 65_536;

/** A container's output through a FIFO to a reader, beside the same two programs without it. */
export const output: Measure = async (bench) => {
  const rates: EngineNumbers = {};
  const cpu: EngineNumbers = {};
  const blocks = bench.count(8192, 512);
  for (let round = -1; round < bench.count(30, 1); round++) {
    for (const engine of [...bench.daemons, undefined]) {
      const { rate, shims } = await transfer(bench, blocks, engine);
      if (round < 0) continue;
      (rates[engine?.name ?? "bare"] ??= []).push(rate);
      if (engine !== undefined) (cpu[engine.name] ??= []).push(shims);
    }
  }
  return [{
    title: "stdout through a FIFO to a reader",
    unit: "GB/s",
    better: "higher",
    target: { bare: 0.95 },
    samples: rates,
    note: "bare: the same busybox dd and reader without a container",
  }, {
    title: "… CPU of the shim, per GB",
    unit: "ms",
    better: "lower",
    samples: cpu,
  }];
};

async function transfer(bench: Bench, blocks: number, engine: DaemonEngine | undefined) {
  const dir = await Deno.makeTempDir({ prefix: "berth-bench-output-" });
  const [stdout, stderr] = [`${dir}/stdout`, `${dir}/stderr`] as const;
  for (const path of [stdout, stderr]) mkfifo(path);
  // The first line tells when the container runs; its start is another row.
  const script = `echo >&2; exec busybox dd if=/dev/zero bs=${BLOCK} count=${blocks} 2>/dev/null`;
  const reader = new Deno.Command("busybox", {
    args: ["dd", `if=${stdout}`, "of=/dev/null", `bs=${BLOCK}`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const ready = firstByte(stderr);
  const bytes = blocks * BLOCK;
  try {
    if (engine === undefined) {
      const writer = new Deno.Command("sh", {
        args: ["-c", `exec 2>"$1" >"$2"; ${script}`, "sh", stderr, stdout],
        stdin: "null",
      }).spawn();
      const start = await ready;
      await reader.status;
      const rate = bytes / 1e6 / (performance.now() - start);
      await writer.status;
      return { rate, shims: 0 };
    }
    const id = bench.id();
    await engine.create(id, bench.spec(["sh", "-c", script]), { stdout, stderr });
    const exited = engine.wait(id);
    const shims = await engine.shimPids();
    await engine.start(id);
    const start = await ready;
    const before = cpuMsOfAll(shims);
    await reader.status;
    const rate = bytes / 1e6 / (performance.now() - start);
    const cpu = (cpuMsOfAll(shims) - before) / (bytes / 1e9);
    await exited;
    await engine.delete(id);
    return { rate, shims: cpu };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** When the first byte has come out of a FIFO; reads on to its end. */
async function firstByte(path: string): Promise<number> {
  using file = await Deno.open(path);
  const buffer = new Uint8Array(64);
  await file.read(buffer);
  return performance.now();
}
