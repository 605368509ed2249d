// SPDX-License-Identifier: MIT
import { type Command, InvalidArgumentError } from "commander";

/** The part of OCI `linux.resources` that the command line sets. */
export interface Resources {
  memory?: { limit?: number; swap?: number; reservation?: number };
  cpu?: { quota?: number; period?: number; shares?: number; cpus?: string; mems?: string };
  pids?: { limit: number };
}

/** The limits as options, after parsing. */
export interface ResourceOptions {
  readonly memory?: number;
  readonly memorySwap?: number;
  readonly memoryReservation?: number;
  readonly cpus?: number;
  readonly cpuShares?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pids?: number;
}

/** Microseconds over which a CPU quota is counted; the kernel's own default. */
const CPU_PERIOD = 100_000;

const BINARY_UNITS: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4 };

/** Bytes from `64m`, `1.5GiB`, `4096`; `-1` is no limit. Throws commander's `InvalidArgumentError`. */
export function parseBytes(text: string): number {
  if (text === "-1") return -1;
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt])?(?:i?b)?$/i.exec(text);
  const value = Number(match?.[1]);
  if (!match || !Number.isFinite(value)) {
    throw new InvalidArgumentError("expected bytes such as 64m or 1.5g, or -1 for no limit");
  }
  return Math.round(value * 1024 ** (BINARY_UNITS[(match[2] ?? "b").toLowerCase()] ?? 0));
}

/** CPUs from `0.5` or `2`. Throws commander's `InvalidArgumentError`. */
export function parseCpus(text: string): number {
  const value = Number(text);
  // The kernel takes no quota below 1 ms (sched/core.c min_cfs_quota_period).
  if (text.trim() === "" || !Number.isFinite(value) || value * CPU_PERIOD < 1000) {
    throw new InvalidArgumentError("expected a number of CPUs of at least 0.01, such as 0.5");
  }
  return value;
}

/** A whole number ≥ `minimum`. Throws commander's `InvalidArgumentError`. */
export function parseWhole(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < minimum) {
      throw new InvalidArgumentError(`expected a whole number of at least ${minimum}`);
    }
    return value;
  };
}

/** Adds the limits that `run`, `create` and `update` take. */
export function withResources(command: Command): Command {
  return command
    .option("--memory <bytes>", "memory limit, such as 64m; -1: none", parseBytes)
    .option("--memory-swap <bytes>", "limit of memory and swap together; -1: none", parseBytes)
    .option("--memory-reservation <bytes>", "memory soft limit", parseBytes)
    .option("--cpus <number>", "how many CPUs' time, such as 0.5", parseCpus)
    .option("--cpu-shares <weight>", "relative CPU weight", parseWhole(2))
    .option("--cpuset-cpus <list>", "which CPUs, such as 0-2,4")
    .option("--cpuset-mems <list>", "which memory nodes")
    .option("--pids <number>", "how many processes and threads; -1: no limit", parseWhole(-1));
}

/** The OCI resources that the options ask for; empty where none was given. */
export function resourcesFrom(options: ResourceOptions): Resources {
  const memory = {
    ...(options.memory !== undefined && { limit: options.memory }),
    ...(options.memorySwap !== undefined && { swap: options.memorySwap }),
    ...(options.memoryReservation !== undefined && { reservation: options.memoryReservation }),
  };
  const cpu = {
    ...(options.cpus !== undefined &&
      { quota: Math.round(options.cpus * CPU_PERIOD), period: CPU_PERIOD }),
    ...(options.cpuShares !== undefined && { shares: options.cpuShares }),
    ...(options.cpusetCpus !== undefined && { cpus: options.cpusetCpus }),
    ...(options.cpusetMems !== undefined && { mems: options.cpusetMems }),
  };
  return {
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(options.pids !== undefined && { pids: { limit: options.pids } }),
  };
}

/** Seconds > 0. Throws commander's `InvalidArgumentError`. */
export function parseSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError("expected seconds, such as 0.5");
  }
  return value;
}
