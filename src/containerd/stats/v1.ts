// SPDX-License-Identifier: MIT
import { readText } from "../../linux/cgroup/files.ts";
import { encode } from "../protobuf/codec.ts";
import type { Encodable } from "../protobuf/fields.ts";
import { MEMORY_STAT_V1, MetricsV1 } from "./messages_v1.ts";
import { filesLike, readCount, readCounts, toCount } from "./numbers.ts";

// The files are those of Documentation/admin-guide/cgroup-v1.

type Paths = Readonly<Record<string, string>>;
type MetricsV1Values = NonNullable<Encodable<typeof MetricsV1>>;

/** Reads the statistics of a cgroup v1. */
export function readMetricsV1(paths: Paths): Uint8Array<ArrayBuffer> {
  return encode(MetricsV1, {
    hugetlb: hugetlb(paths["hugetlb"]),
    pids: pids(paths["pids"]),
    // Callers look into these three without asking whether they are there.
    cpu: { usage: cpuUsage(paths["cpuacct"]), throttling: throttling(paths["cpu"]) },
    memory: memory(paths["memory"]),
    blkio: blkio(paths["blkio"]),
    memory_oom_control: oomControl(paths["memory"]),
  });
}

function hugetlb(dir: string | undefined): MetricsV1Values["hugetlb"] {
  if (dir === undefined) return [];
  return filesLike(dir, /^hugetlb\.[^.]+\.usage_in_bytes$/).map((name) => {
    const pagesize = name.split(".")[1] ?? "";
    const prefix = `${dir}/hugetlb.${pagesize}`;
    return {
      usage: readCount(`${prefix}.usage_in_bytes`),
      max: readCount(`${prefix}.max_usage_in_bytes`),
      failcnt: readCount(`${prefix}.failcnt`),
      pagesize,
    };
  });
}

function pids(dir: string | undefined): MetricsV1Values["pids"] {
  if (dir === undefined) return undefined;
  // "max" is no limit, for which this message has 0.
  const limit = readText(`${dir}/pids.max`)?.trim();
  return {
    current: readCount(`${dir}/pids.current`),
    limit: limit === "max" ? undefined : toCount(limit),
  };
}

function cpuUsage(dir: string | undefined) {
  if (dir === undefined) return {};
  const perCpu = readText(`${dir}/cpuacct.usage_percpu`)?.trim().split(" ") ?? [];
  return {
    total: readCount(`${dir}/cpuacct.usage`),
    kernel: readCount(`${dir}/cpuacct.usage_sys`),
    user: readCount(`${dir}/cpuacct.usage_user`),
    per_cpu: perCpu.flatMap((text) => toCount(text) ?? []),
  };
}

function throttling(dir: string | undefined) {
  const stat = dir === undefined ? {} : readCounts(`${dir}/cpu.stat`);
  return {
    periods: stat["nr_periods"],
    throttled_periods: stat["nr_throttled"],
    throttled_time: stat["throttled_time"],
  };
}

function memory(dir: string | undefined): MetricsV1Values["memory"] {
  const stat = dir === undefined ? {} : readCounts(`${dir}/memory.stat`);
  const known = Object.fromEntries(MEMORY_STAT_V1.map((name) => [name, stat[name]]));
  return {
    ...known,
    usage: entry(dir, "memory"),
    swap: entry(dir, "memory.memsw"),
    kernel: entry(dir, "memory.kmem"),
    kernel_tcp: entry(dir, "memory.kmem.tcp"),
  };
}

function entry(dir: string | undefined, prefix: string) {
  if (dir === undefined) return {};
  return {
    limit: readCount(`${dir}/${prefix}.limit_in_bytes`),
    usage: readCount(`${dir}/${prefix}.usage_in_bytes`),
    max: readCount(`${dir}/${prefix}.max_usage_in_bytes`),
    failcnt: readCount(`${dir}/${prefix}.failcnt`),
  };
}

function oomControl(dir: string | undefined): MetricsV1Values["memory_oom_control"] {
  if (dir === undefined) return undefined;
  return readCounts(`${dir}/memory.oom_control`);
}

function blkio(dir: string | undefined): MetricsV1Values["blkio"] {
  if (dir === undefined) return {};
  return {
    io_service_bytes_recursive: blkioEntries(dir, "io_service_bytes"),
    io_serviced_recursive: blkioEntries(dir, "io_serviced"),
  };
}

/** Lines `8:0 Read 4096`; the last one, `Total 4096`, is not of a device. */
function blkioEntries(dir: string, file: string) {
  const text = readText(`${dir}/blkio.throttle.${file}_recursive`) ??
    readText(`${dir}/blkio.throttle.${file}`) ?? "";
  return text.split("\n").flatMap((line) => {
    const [device = "", op, value] = line.split(" ");
    const count = toCount(value);
    if (op === undefined || count === undefined) return [];
    const [major, minor] = device.split(":").map(toCount);
    return [{ op, device: deviceName(device), major, minor, value: count }];
  });
}

/** Returns the path of a block device by its numbers; nothing where the machine has none. */
function deviceName(numbers: string): string {
  const text = readText(`/sys/dev/block/${numbers}/uevent`);
  const [, name] = /^DEVNAME=(.+)$/m.exec(text ?? "") ?? [];
  return name === undefined ? "" : `/dev/${name}`;
}
