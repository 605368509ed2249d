// SPDX-License-Identifier: MIT
import type { DaemonEngine } from "../engine.ts";
import { dismiss, launch } from "../fleet.ts";
import { memoryOf } from "../proc.ts";
import type { Bench, Row, Samples } from "../row.ts";
import { summarize } from "../statistics.ts";

const SETTLE_MS = 3000;
const ROUNDS = 5;

/** How much more a shim may take under containerd than under berth's daemon, in MB. */
const MORE = 1;

/** How much each further container of a pod may take, in MB. */
const FURTHER = 0.4;

/** The shims under containerd. */
interface Shims {
  /** berth's where a process waits. */
  readonly waiting: DaemonEngine;
  /** berth's where none does. */
  readonly plain: DaemonEngine;
  /** runc's. */
  readonly reference: DaemonEngine;
}

/**
 * Anonymous memory of shims: of one container, and of a pod of three. Private memory would count the
 * pages of a program that runs but once.
 */
export async function memory(bench: Bench, shims: Shims): Promise<Row[]> {
  const { waiting, plain, reference } = shims;
  const daemon = bench.daemons.find(({ name }) => name === "berth");
  const engines = [waiting, plain, reference, ...daemon === undefined ? [] : [daemon]];
  const one = await measure(bench, engines, 1);
  const pod = await measure(bench, engines, 3, "pod");
  const of = (all: Measured, engine: DaemonEngine) => all.get(engine) ?? [];
  const further = (engine: DaemonEngine) =>
    of(pod, engine).map((size, round) => (size - (of(one, engine)[round] ?? 0)) / 2);
  const own = daemon && summarize(of(one, daemon)).median;
  const absolute = own === undefined ? undefined : Math.round(10 * (own + MORE)) / 10;
  const rows = (berth: DaemonEngine, what: string, note: string): Row[] => {
    const beside = (list: (engine: DaemonEngine) => readonly number[]): Samples => ({
      berth: list(berth),
      containerd: list(reference),
    });
    const row = { unit: "MB", better: "lower", note } as const;
    return [
      {
        ...row,
        title: `shim: anonymous memory, one container${what}`,
        samples: beside((engine) => of(one, engine)),
        ...absolute !== undefined && { target: { absolute } },
      },
      {
        ...row,
        title: `shim: anonymous memory, a pod of three${what}`,
        samples: beside((engine) => of(pod, engine)),
      },
      {
        ...row,
        title: `shim: … each further container of it${what}`,
        samples: beside(further),
        target: { absolute: FURTHER },
      },
    ];
  };
  const least = `the target is ${MORE} MB more than the shim of berth's own daemon`;
  return [
    ...rows(waiting, "", `berth's after the lives above; ${least}`),
    ...rows(plain, ", none waits", `berth's with --no-waiting; ${least}`),
  ];
}

/** The sizes in MB that the shims of each engine have had. */
type Measured = ReadonlyMap<DaemonEngine, readonly number[]>;

async function measure(
  bench: Bench,
  engines: readonly DaemonEngine[],
  size: number,
  group?: string,
): Promise<Measured> {
  const measured = new Map<DaemonEngine, number[]>(engines.map((engine) => [engine, []]));
  for (let round = 0; round < ROUNDS; round++) {
    const fleets = [];
    for (const [index, engine] of engines.entries()) {
      // Shims of one containerd that have a group's name in common have its socket in common, too.
      const own = group === undefined ? undefined : `${group}-${index}`;
      fleets.push(await launch(bench, engine, size, own));
    }
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    for (const engine of engines) {
      const sizes = (await engine.shimPids()).map((pid) => memoryOf(pid).anonymous);
      measured.get(engine)?.push(...sizes);
    }
    for (const fleet of fleets) await dismiss(fleet);
  }
  return measured;
}
