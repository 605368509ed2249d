// SPDX-License-Identifier: MIT
import { resolveSecurity } from "../../../src/oci/spec/security.ts";
import { life } from "../engine.ts";
import { timed } from "../row.ts";
import type { EngineNumbers, Measure, Samples } from "../row.ts";

const NOTE = "of each life and the one beside it that has no filter";

/**
 * Lives with a seccomp filter, the same for every engine: that of `berth run`, and docker's as it is.
 * In each round comes one life of each kind, and one without a filter.
 */
export const seccomp: Measure = async (bench) => {
  const [plain, filtered, dockers] = ["unconfined", "default", "builtin"].map((name) => {
    const { seccomp } = resolveSecurity({ securityOpts: [`seccomp=${name}`] });
    const samples: EngineNumbers = {};
    return { override: seccomp === undefined ? {} : { linux: { seccomp } }, samples };
  });
  if (!plain || !filtered || !dockers) throw new Error("three kinds are compared");
  const kinds = [plain, filtered, dockers];
  const warmUp = bench.count(5, 1);
  for (let round = -warmUp; round < bench.count(50, 3); round++) {
    for (const engine of bench.engines) {
      // What comes first is last in the next round.
      for (const { override, samples } of round % 2 === 0 ? kinds : kinds.toReversed()) {
        const spec = bench.spec(["true"], override);
        const took = await timed(() => life(engine, bench.id(), spec));
        if (round >= 0) (samples[engine.name] ??= []).push(took);
      }
    }
  }
  const row = { unit: "ms", better: "lower" } as const;
  const added = ({ samples }: typeof plain) =>
    compare(samples, plain.samples, (value, without) => value - without);
  return [
    { ...row, title: "a life with the seccomp filter of `run`", samples: filtered.samples },
    { ...row, title: "… what the filter adds", samples: added(filtered), note: NOTE },
    {
      title: "… with it by without it",
      unit: "×",
      better: "lower",
      target: { absolute: 1.03 },
      samples: compare(filtered.samples, plain.samples, (value, without) => value / without),
      note: NOTE,
    },
    { ...row, title: "… what docker's own adds", samples: added(dockers), note: NOTE },
  ];
};

/** Compares the samples of each round. */
function compare(
  samples: Samples,
  others: Samples,
  by: (value: number, other: number) => number,
): Samples {
  const compared: EngineNumbers = {};
  for (const name of ["berth", "containerd", "bare"] as const) {
    const [list = [], besides = []] = [samples[name], others[name]];
    compared[name] = list.map((value, round) => by(value, besides[round] ?? NaN));
  }
  return compared;
}
