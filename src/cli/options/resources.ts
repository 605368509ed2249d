// SPDX-License-Identifier: MIT
// The options of limits, and the numbers, bytes and seconds that options take.
import { type Command, InvalidArgumentError, Option } from "commander";
import { onlineCpus } from "../../linux/process/online_cpus.ts";
import { addAlias } from "../common/command.ts";
import { CliError } from "../common/exit_status.ts";

/** The part of OCI `linux.resources` that the command line sets. */
export interface ResourceLimits {
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
  readonly pidsLimit?: number;
}

/** Microseconds over which a CPU quota is counted; the kernel's own default. */
const CPU_PERIOD = 100_000;

/** The most CPUs that Linux can be built for (NR_CPUS of arch/x86/Kconfig). */
const MAX_CPUS = 8192;

/** The highest `pids.max` beside "max" (PID_MAX_LIMIT of include/linux/threads.h). */
const MAX_PIDS = 4_194_304;

/** The weights of cgroup v1's `cpu.shares` (kernel/sched/sched.h). */
const CPU_SHARES = [2, 262_144] as const;

/** The longest time span that an option takes, in seconds: a day. */
const MAX_SECONDS = 86_400;

const BINARY_UNITS: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4 };

/** Parses bytes from `64m`, `1.5GiB`, `4096`. Throws commander's `InvalidArgumentError`. */
export function parseBytes(text: string): number {
  return bytesFrom(text, "");
}

/** Parses bytes as {@linkcode parseBytes} does, or -1, which is no limit. Throws as it does. */
export function parseBytesLimit(text: string): number {
  return text === "-1" ? -1 : bytesFrom(text, ", or -1 for no limit");
}

/** Parses bytes; the error also names `besides`, other values that the option takes. */
function bytesFrom(text: string, besides: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt])?(?:i?b)?$/i.exec(text);
  const value = Number(match?.[1]);
  if (!match || !Number.isFinite(value)) {
    throw new InvalidArgumentError(`expected bytes such as 64m or 1.5g${besides}`);
  }
  const bytes = Math.round(value * 1024 ** (BINARY_UNITS[(match[2] ?? "b").toLowerCase()] ?? 0));
  if (bytes > Number.MAX_SAFE_INTEGER) {
    throw new InvalidArgumentError(`expected less than 8192 TiB${besides}`);
  }
  return bytes;
}

/**
 * Parses CPUs such as `0.5` or `2`, at most as many as there are. Throws commander's
 * `InvalidArgumentError`.
 */
export function parseCpus(text: string): number {
  const value = Number(text);
  // The kernel takes no quota below 1 ms (sched/core.c min_cfs_quota_period).
  if (text.trim() === "" || !Number.isFinite(value) || value * CPU_PERIOD < 1000) {
    throw new InvalidArgumentError("expected a number of CPUs of at least 0.01, such as 0.5");
  }
  const most = onlineCpus() ?? MAX_CPUS;
  if (value > most) {
    throw new InvalidArgumentError(`expected at most ${most}, the number of CPUs here`);
  }
  return value;
}

/**
 * Returns a whole number from `minimum` to `maximum`. Throws commander's `InvalidArgumentError`.
 */
export function parseWhole(
  minimum: number,
  maximum = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < minimum) {
      throw new InvalidArgumentError(`expected a whole number of at least ${minimum}`);
    }
    if (value > maximum) throw new InvalidArgumentError(`expected at most ${maximum}`);
    return value;
  };
}

/** Adds the limits that `run`, `create` and `update` take. */
export function withResources(command: Command): Command {
  const pids = new Option("--pids-limit <number>", "limit of processes and threads; -1: none")
    .argParser(parseWhole(-1, MAX_PIDS));
  command
    .option("-m, --memory <bytes>", "memory limit, such as 64m; -1: none", parseBytesLimit)
    .option("--memory-swap <bytes>", "limit of memory and swap together; -1: none", parseBytesLimit)
    .option("--memory-reservation <bytes>", "memory soft limit", parseBytesLimit)
    .option("--cpus <number>", "CPU limit as a number of CPUs, such as 0.5", parseCpus)
    .option("--cpu-shares <weight>", "relative CPU weight", parseWhole(...CPU_SHARES))
    .option("--cpuset-cpus <list>", "CPUs to run on, such as 0-2,4")
    .option("--cpuset-mems <list>", "memory nodes to allocate from")
    .addOption(pids);
  return addAlias(command, "--pids <number>", pids);
}

/** Throws a {@linkcode CliError} for memory limits that contradict each other, as docker does. */
function checkMemory({ memory, memorySwap, memoryReservation }: ResourceOptions): void {
  if (memory === undefined || memory < 0) return;
  if (memorySwap !== undefined && memorySwap >= 0 && memorySwap < memory) {
    throw new CliError("--memory-swap counts memory and swap: it must not be below --memory");
  }
  if (memoryReservation !== undefined && memoryReservation > memory) {
    throw new CliError("--memory-reservation must not be above --memory");
  }
}

/** Returns the OCI resources that the options ask for; empty if none was given. */
export function resourcesFrom(options: ResourceOptions): ResourceLimits {
  checkMemory(options);
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
    ...(options.pidsLimit !== undefined && { pids: { limit: options.pidsLimit } }),
  };
}

/** Parses seconds above 0. Throws commander's `InvalidArgumentError`. */
export function parseSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError("expected seconds, such as 0.5");
  }
  // Far below the 2^31 ms above which a timer fires at once.
  if (value > MAX_SECONDS) {
    throw new InvalidArgumentError(`expected at most ${MAX_SECONDS} seconds`);
  }
  return value;
}
