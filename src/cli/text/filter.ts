// SPDX-License-Identifier: MIT
// Parses `--filter`, and tests rows by it.
import { InvalidArgumentError } from "commander";

/** One `--filter`. */
export interface Filter {
  readonly key: string;
  readonly value: string;
}

/** The test of a row for each key of a `--filter`. */
export type FilterTests<T> = Readonly<Record<string, (row: T, value: string) => boolean>>;

/** Parses docker's `KEY=VALUE`. Throws commander's `InvalidArgumentError`. */
export function parseFilter<T>(text: string, tests: FilterTests<T>): Filter {
  const at = text.indexOf("=");
  const [key, value] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  if (at >= 1 && Object.hasOwn(tests, key)) return { key, value };
  throw new InvalidArgumentError(`expected KEY=VALUE, KEY one of ${Object.keys(tests).join(", ")}`);
}

/** Returns whether `labels` has what docker's filter `label` asks for: `KEY`, or `KEY=VALUE`. */
export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf("=");
  if (at < 0) return Object.hasOwn(labels, wanted);
  return labels[wanted.slice(0, at)] === wanted.slice(at + 1);
}

/** Returns whether a row passes: of filters with one key, one is enough; each key has to be met. */
export function passesFilters<T>(
  row: T,
  filters: readonly Filter[] = [],
  tests: FilterTests<T>,
): boolean {
  const keys = new Set(filters.map(({ key }) => key));
  return [...keys].every((wanted) =>
    filters.some(({ key, value }) => key === wanted && tests[key]?.(row, value))
  );
}
