// SPDX-License-Identifier: MIT

/** The summary of a list of samples, in the samples' unit. */
export interface Summary {
  readonly count: number;
  readonly median: number;
  /** First and third quartile: half of the samples lie between them. */
  readonly p25: number;
  readonly p75: number;
  readonly min: number;
  readonly max: number;
}

/**
 * The value below which the share `q` (0 to 1) of the samples lies, interpolated between the two
 * nearest. Throws a `RangeError` when there is no sample, one is not finite, or `q` is out of range.
 */
export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) throw new RangeError("no samples");
  if (!(q >= 0 && q <= 1)) throw new RangeError(`quantile ${q} is not between 0 and 1`);
  if (!samples.every(Number.isFinite)) throw new RangeError("a sample is not a finite number");
  const sorted = samples.toSorted((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? 0;
  const above = sorted[Math.ceil(at)] ?? 0;
  return below + (above - below) * (at - Math.floor(at));
}

/** Median, quartiles and ends of some samples; throws as {@linkcode quantile} does. */
export function summarize(samples: readonly number[]): Summary {
  return {
    count: samples.length,
    median: quantile(samples, 0.5),
    p25: quantile(samples, 0.25),
    p75: quantile(samples, 0.75),
    min: quantile(samples, 0),
    max: quantile(samples, 1),
  };
}
