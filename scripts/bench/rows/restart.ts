// SPDX-License-Identifier: MIT
import { until } from "../../../tests/harness/poll.ts";
import { dismiss, launch } from "../fleet.ts";
import type { Fleet } from "../fleet.ts";
import { inTurn, timed } from "../row.ts";
import type { Bench, Measure, Samples } from "../row.ts";
import { summarize } from "../statistics.ts";

/** SIGCONT: does nothing to a process that is not stopped. */
const HARMLESS = 18;

/**
 * From SIGKILL to the daemon, started again at once when it is dead, until it lists every container
 * as running and has passed a signal to each: with some containers, then with ten times as many.
 */
export const restart: Measure = async (bench) => {
  const some = bench.count(50, 2);
  const many = 10 * some;
  const fleets: Fleet[] = [];
  const fill = async (count: number) => {
    for (const engine of bench.daemons) fleets.push(await launch(bench, engine, count));
  };
  await fill(some);
  const ofSome = await restarts(bench, some, bench.count(30, 1));
  await fill(many - some);
  const ofMany = await restarts(bench, many, bench.count(10, 1));
  for (const fleet of fleets) await dismiss(fleet);
  const common = { unit: "ms", better: "lower" } as const;
  const title = (count: number) => `daemon killed → all of ${count} listed, each signaled`;
  return [
    { ...common, title: title(some), target: { containerd: 1 }, samples: ofSome },
    {
      ...common,
      title: title(many),
      target: { absolute: Math.round(10 * summarize(ofSome.berth ?? []).median) },
      samples: ofMany,
      note: `the target is 10 times what ${some} take: growth no worse than linear`,
    },
  ];
};

async function restarts(bench: Bench, size: number, count: number): Promise<Samples> {
  return await inTurn(
    bench.daemons,
    { count, warmUp: bench.count(1, 0) },
    (engine) =>
      timed(async () => {
        await engine.crash();
        await engine.restart();
        const ids = await until(`${size} containers of ${engine.name}`, async () => {
          const running = await engine.running();
          return running.length === size && running;
        }, { everyMs: 1 });
        await Promise.all(ids.map((id) => engine.kill(id, HARMLESS)));
      }),
  );
}
