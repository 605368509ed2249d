// SPDX-License-Identifier: MIT
import { until } from "../../../tests/harness/poll.ts";
import { dismiss, launch } from "../fleet.ts";
import { inTurn, timed } from "../row.ts";
import type { Measure } from "../row.ts";

/** SIGCONT: does nothing to a process that is not stopped. */
const HARMLESS = 18;

/**
 * From SIGKILL to the daemon, started again at once when it is dead, until it lists every container
 * as running and has passed a signal to each.
 */
export const restart: Measure = async (bench) => {
  const size = bench.count(50, 4);
  const fleets = [];
  for (const engine of bench.daemons) fleets.push(await launch(bench, engine, size));
  const samples = await inTurn(
    bench.daemons,
    { count: bench.count(11, 1), warmUp: bench.count(1, 0) },
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
  for (const fleet of fleets) await dismiss(fleet);
  return [{
    title: `daemon killed → all of ${size} listed, each signalled`,
    unit: "ms",
    better: "lower",
    target: { containerd: 1 },
    samples,
  }];
};
