// SPDX-License-Identifier: MIT
import { findCommand } from "../../system_packages.ts";
import type { DaemonEngine } from "../engine.ts";
import { cpuMs } from "../proc.ts";
import { inTurn } from "../row.ts";
import type { Bench, EngineNumbers, Measure, Row } from "../row.ts";

const PATH = "containerd.services.version.v1.Version/Version";

/**
 * The same calls as `calls.ts` from clients that do next to nothing, so that the daemons show: for
 * berth `lean_client.ts`, for containerd h2load, which sends one encoded request over and over.
 * Without these programs there is no row.
 */
export const leanCalls: Measure = async (bench) => {
  if (findCommand("h2load") === undefined) {
    console.error("lean-calls: left out; needs h2load of the package nghttp2-client");
    return [];
  }
  return [...await over(bench, 1), ...await over(bench, 64)];
};

async function over(bench: Bench, connections: number): Promise<Row[]> {
  const cpu: EngineNumbers = {};
  const warmUp = bench.count(1, 0);
  const samples = await inTurn(
    bench.daemons,
    { count: bench.count(5, 1), warmUp },
    async (engine) => {
      const before = cpuMs(engine.daemonPid);
      const seconds = bench.count(2, 1);
      const count = await (engine.name === "berth" ? lean : h2load)(engine, connections, seconds);
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
    note: "a loop in Deno, and h2load, which is in C",
  }, {
    title: `… CPU per call in the daemon, ${on}, lean clients`,
    unit: "µs",
    better: "lower",
    samples: cpu,
  }];
}

/** How many calls of berth's are answered in some seconds. */
async function lean(engine: DaemonEngine, connections: number, seconds: number): Promise<number> {
  const script = new URL("../lean_client.ts", import.meta.url).pathname;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, engine.socket, String(connections), String(seconds)],
    stdin: "null",
  }).output();
  const count = Number.parseInt(new TextDecoder().decode(stdout));
  if (Number.isNaN(count)) throw new Error(`${script}: ${new TextDecoder().decode(stderr)}`);
  return count;
}

/** The same by h2load. */
async function h2load(engine: DaemonEngine, connections: number, seconds: number): Promise<number> {
  const body = await Deno.makeTempFile({ prefix: "berth-bench-request-" });
  try {
    // An empty message: one byte that says it is not compressed, and its length in four.
    await Deno.writeFile(body, new Uint8Array(5));
    const { stdout, stderr } = await new Deno.Command("h2load", {
      args: [
        `--clients=${connections}`,
        "--max-concurrent-streams=1",
        `--duration=${seconds}`,
        `--data=${body}`,
        "--header=content-type: application/grpc",
        "--header=te: trailers",
        `--base-uri=unix:${engine.socket}`,
        `http://localhost/${PATH}`,
      ],
      stdin: "null",
    }).output();
    const text = new TextDecoder().decode(stdout);
    const found = /(\d+) succeeded, 0 failed, 0 errored/.exec(text);
    if (found === null) throw new Error(`h2load: ${text}${new TextDecoder().decode(stderr)}`);
    return Number(found[1]);
  } finally {
    await Deno.remove(body);
  }
}
