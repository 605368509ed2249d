// SPDX-License-Identifier: MIT
import { spec } from "../../tests/harness/rootfs.ts";
import type { JsonObject } from "../../tests/harness/rootfs.ts";
import type { BareRunc } from "./bare_runc.ts";
import type { DaemonEngine, Engine, EngineName } from "./engine.ts";

/** Bounds of berth's median; of several, all have to be met. */
export interface Target {
  /** Times containerd's median: at most where lower is better, at least where higher is. */
  readonly containerd?: number;
  /** The same, times the bare median. */
  readonly bare?: number;
  /** The same, in the row's unit. */
  readonly absolute?: number;
}

/** One line of the table. */
export interface Row {
  readonly title: string;
  readonly unit: "ms" | "MB" | "/s" | "GB/s" | "µs" | "ms/s" | "×";
  readonly better: "lower" | "higher";
  readonly target?: Target;
  readonly samples: Samples;
  /** How it was measured or what it says, where the title does not. */
  readonly note?: string;
}

/** Per engine what was measured, in the row's unit. */
export type Samples = Partial<Record<EngineName, readonly number[]>>;

/** {@linkcode Samples} while they are taken. */
export type EngineNumbers = Partial<Record<EngineName, number[]>>;

/** Measures one or a few rows that belong together. */
export type Measure = (bench: Bench) => Promise<readonly Row[]>;

/** The engines that are measured, and how thoroughly. */
export class Bench {
  /** Engines with a daemon. */
  readonly daemons: readonly DaemonEngine[];
  /** runc by itself. */
  readonly bare: BareRunc;
  /** All of them. */
  readonly engines: readonly Engine[];
  /** A smoke run: that it works, not how fast. */
  readonly quick: boolean;
  readonly #cgroup: string;
  #ids = 0;

  constructor(
    options: {
      readonly daemons: readonly DaemonEngine[];
      readonly bare: BareRunc;
      readonly quick: boolean;
      readonly cgroup: string;
    },
  ) {
    this.daemons = options.daemons;
    this.bare = options.bare;
    this.engines = [...options.daemons, options.bare];
    this.quick = options.quick;
    this.#cgroup = options.cgroup;
  }

  /** How many of something: `full`, or for a smoke run `quick`. */
  count(full: number, quick: number): number {
    return this.quick ? quick : full;
  }

  /** A container id that no engine has had. */
  id(): string {
    return `c${++this.#ids}`;
  }

  /** The spec that every engine gets, in a cgroup of its own; `override` is merged over it. */
  spec(args: readonly string[], override: JsonObject = {}): JsonObject {
    return spec(args, { cgroup: this.#cgroup, override });
  }
}

/**
 * Takes `count` samples of each engine, one of each in turn, so that what else happens on the
 * machine meets all alike; `warmUp` more come first and do not count.
 */
export async function inTurn<E extends { readonly name: EngineName }>(
  engines: readonly E[],
  options: { readonly count: number; readonly warmUp?: number },
  sample: (engine: E) => Promise<number>,
): Promise<Samples> {
  const { count, warmUp = 0 } = options;
  const samples: EngineNumbers = {};
  for (let round = -warmUp; round < count; round++) {
    for (const engine of engines) {
      const value = await sample(engine);
      if (round >= 0) (samples[engine.name] ??= []).push(value);
    }
  }
  return samples;
}

/** How long `work` takes, in ms. */
export async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
