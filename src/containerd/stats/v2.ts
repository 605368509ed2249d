// SPDX-License-Identifier: MIT
import { readText } from "../../linux/cgroup/files.ts";
import { encode } from "../protobuf/codec.ts";
import type { Encodable } from "../protobuf/fields.ts";
import { MEMORY_STAT_V2, MetricsV2 } from "./messages_v2.ts";
import { filesLike, readCount, readCounts, toCount } from "./numbers.ts";

// The files are those of Documentation/admin-guide/cgroup-v2.rst.

type MetricsV2Values = NonNullable<Encodable<typeof MetricsV2>>;

/** Reads the statistics of the cgroup v2 at `dir`. */
export function readMetricsV2(dir: string): Uint8Array<ArrayBuffer> {
  // Of statistics by the kernel's names, those are sent that the message has.
  return encode(MetricsV2, {
    pids: { current: readCount(`${dir}/pids.current`), limit: readCount(`${dir}/pids.max`) },
    cpu: { ...readCounts(`${dir}/cpu.stat`), psi: pressure(`${dir}/cpu.pressure`) },
    memory: memory(dir),
    rdma: { current: rdma(`${dir}/rdma.current`), limit: rdma(`${dir}/rdma.max`) },
    io: { usage: ioUsage(dir), psi: pressure(`${dir}/io.pressure`) },
    hugetlb: hugetlb(dir),
    memory_events: readCounts(`${dir}/memory.events`),
  });
}

function memory(dir: string): MetricsV2Values["memory"] {
  const stat = readCounts(`${dir}/memory.stat`);
  // Newer kernels tell these apart by what was refaulted.
  const split = (name: string) => stat[name] ?? sum(stat[`${name}_anon`], stat[`${name}_file`]);
  const known = Object.fromEntries(MEMORY_STAT_V2.map((name) => [name, split(name)]));
  return {
    ...known,
    usage: readCount(`${dir}/memory.current`),
    usage_limit: readCount(`${dir}/memory.max`),
    swap_usage: readCount(`${dir}/memory.swap.current`),
    swap_limit: readCount(`${dir}/memory.swap.max`),
    max_usage: readCount(`${dir}/memory.peak`),
    swap_max_usage: readCount(`${dir}/memory.swap.peak`),
    psi: pressure(`${dir}/memory.pressure`),
  };
}

function sum(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  return a === undefined ? b : a + (b ?? 0n);
}

/** Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` (Documentation/accounting/psi.rst). */
function pressure(path: string) {
  const text = readText(path);
  if (text === undefined) return undefined;
  return { some: pressureOf(text, "some"), full: pressureOf(text, "full") };
}

function pressureOf(text: string, kind: string) {
  const [line] = new RegExp(`^${kind} .*$`, "m").exec(text) ?? [];
  if (line === undefined) return undefined;
  const values = pairs(line);
  return {
    avg10: Number(values.get("avg10") ?? 0),
    avg60: Number(values.get("avg60") ?? 0),
    avg300: Number(values.get("avg300") ?? 0),
    total: toCount(values.get("total")),
  };
}

/** Lines `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 …`. */
function ioUsage(dir: string) {
  return (readText(`${dir}/io.stat`) ?? "").split("\n").flatMap((line) => {
    const values = pairs(line);
    if (!values.has("rbytes")) return [];
    const [major, minor] = (line.split(" ")[0] ?? "").split(":").map(toCount);
    return [{
      major,
      minor,
      rbytes: toCount(values.get("rbytes")),
      wbytes: toCount(values.get("wbytes")),
      rios: toCount(values.get("rios")),
      wios: toCount(values.get("wios")),
    }];
  });
}

/** Lines `mlx4_0 hca_handle=2 hca_object=2000`; in `rdma.max` a number may be `max`. */
function rdma(path: string) {
  return (readText(path) ?? "").split("\n").flatMap((line) => {
    const values = pairs(line);
    const [device = ""] = line.split(" ");
    if (!values.has("hca_handle")) return [];
    const count = (name: string) => Number(BigInt.asUintN(32, toCount(values.get(name)) ?? 0n));
    return [{ device, hca_handles: count("hca_handle"), hca_objects: count("hca_object") }];
  });
}

function pairs(line: string): ReadonlyMap<string, string> {
  return new Map(
    line.split(" ").map((pair) => {
      const [key = "", value = ""] = pair.split("=");
      return [key, value];
    }),
  );
}

function hugetlb(dir: string): MetricsV2Values["hugetlb"] {
  return filesLike(dir, /^hugetlb\.[^.]+\.current$/).map((name) => {
    const pagesize = name.split(".")[1] ?? "";
    const prefix = `${dir}/hugetlb.${pagesize}`;
    return {
      current: readCount(`${prefix}.current`),
      max: readCount(`${prefix}.max`),
      pagesize,
      failcnt: readCounts(`${prefix}.events`)["max"],
    };
  });
}
