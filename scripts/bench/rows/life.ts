// SPDX-License-Identifier: MIT
import { life } from "../engine.ts";
import { inTurn, timed } from "../row.ts";
import type { Measure } from "../row.ts";

/** One life after the other, and several at a time. */
export const lives: Measure = async (bench) => {
  const one = await inTurn(
    bench.engines,
    { count: bench.count(50, 3), warmUp: bench.count(10, 1) },
    (engine) => timed(() => life(engine, bench.id(), bench.spec(["true"]))),
  );
  const total = bench.count(24, 8);
  const parallel = await inTurn(
    bench.engines,
    { count: bench.count(30, 1), warmUp: bench.count(2, 0) },
    async (engine) => {
      let left = total;
      const elapsed = await timed(async () => {
        await Promise.all(Array.from({ length: 8 }, async () => {
          while (left-- > 0) await life(engine, bench.id(), bench.spec(["true"]));
        }));
      });
      return total / (elapsed / 1000);
    },
  );
  return [{
    title: "create → start → exit seen → delete of `true`",
    unit: "ms",
    better: "lower",
    target: { containerd: 0.65, bare: 1.15 },
    samples: one,
  }, {
    title: "the same, 8 at a time",
    unit: "/s",
    better: "higher",
    target: { containerd: 1.6 },
    samples: parallel,
  }];
};
