// SPDX-License-Identifier: MIT
import { dismiss, launch } from "../fleet.ts";
import { inTurn, timed } from "../row.ts";
import type { Measure } from "../row.ts";

/** A further process in a running container. */
export const exec: Measure = async (bench) => {
  const fleets = new Map<unknown, { readonly id: string }>();
  const all = [];
  for (const engine of bench.engines) {
    const fleet = await launch(bench, engine, 1);
    all.push(fleet);
    for (const id of fleet.containers.keys()) fleets.set(engine, { id });
  }
  const samples = await inTurn(
    bench.engines,
    { count: bench.count(50, 3), warmUp: bench.count(10, 1) },
    async (engine) => {
      const id = fleets.get(engine)?.id ?? "";
      const execId = bench.id();
      const elapsed = await timed(() => engine.exec(id, execId, ["true"]));
      await engine.deleteExec(id, execId);
      return elapsed;
    },
  );
  for (const fleet of all) await dismiss(fleet);
  return [{
    title: "exec of `true` until its exit is seen",
    unit: "ms",
    better: "lower",
    target: { containerd: 0.8 },
    samples,
  }];
};
