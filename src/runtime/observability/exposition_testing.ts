// SPDX-License-Identifier: MIT
// Parses Prometheus's text format, for tests.
import assert from "node:assert/strict";

/** One sample of a family. */
export interface Sample {
  /** The family's name, with `_bucket`, `_sum` or `_count` in a histogram. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with all of its samples. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;
const NUMBER = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]Inf|NaN)$/i;
const UNITS = /_(milliseconds|microseconds|nanoseconds|kilobytes|kibibytes|megabytes|percent)(_|$)/;

/**
 * For tests: parses Prometheus's text format 0.0.4 more strictly than Prometheus does. Fails where
 * the text is malformed, repeats itself, or is not what `promtool check metrics` asks for.
 */
export function parseExposition(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let help: { name: string; text: string } | undefined;
  let family: Family | undefined;
  assert.ok(text.endsWith("\n"), "the last line ends");
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line);
    if (comment !== null) {
      const [, kind, name = "", rest = ""] = comment;
      if (kind === "HELP") {
        help = { name, text: rest };
        family = undefined;
        continue;
      }
      assert.equal(help?.name, name, `${name} has its help right before its type`);
      assert.ok(!families.has(name), `${name} comes once`);
      assert.match(rest, /^(counter|gauge|histogram)$/, name);
      family = { name, type: rest, help: help?.text ?? "", samples: [] };
      families.set(name, family);
      continue;
    }
    assert.ok(family !== undefined, `a sample follows its type: ${line}`);
    const sample = parseSample(line);
    assert.ok(belongs(sample.name, family), `${sample.name} does not belong to ${family.name}`);
    const series = line.slice(0, line.lastIndexOf(" "));
    assert.ok(!seen.has(series), `${series} comes once`);
    seen.add(series);
    family.samples.push(sample);
  }
  for (const each of families.values()) lint(each);
  return families;
}

/** Returns the value of one sample; fails where there is no such one. */
export function sampleOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const found = findSample(families, name, labels);
  assert.ok(found !== undefined, `there is no ${name} with ${JSON.stringify(labels)}`);
  return found;
}

/** Returns the value of one sample, if it is there. */
export function findSample(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  for (const { samples } of families.values()) {
    for (const sample of samples) {
      if (sample.name !== name) continue;
      if (Object.entries(labels).every(([key, value]) => sample.labels[key] === value)) {
        return sample.value;
      }
    }
  }
  return undefined;
}

function parseSample(line: string): Sample {
  const match = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`).exec(line);
  assert.ok(match !== null, `no sample: ${line}`);
  const [, name = "", inside, number = ""] = match;
  assert.match(number, NUMBER, line);
  const labels: Record<string, string> = {};
  for (LABEL.lastIndex = 0; inside !== undefined && LABEL.lastIndex < inside.length;) {
    const label = LABEL.exec(inside);
    assert.ok(label !== null, `malformed labels: ${line}`);
    const [, key = "", value = ""] = label;
    assert.ok(!(key in labels), `label ${key} comes once: ${line}`);
    labels[key] = value.replace(/\\(.)/g, (_, of: string) => of === "n" ? "\n" : of);
  }
  return { name, labels, value: Number(number.replace("Inf", "Infinity")) };
}

function belongs(name: string, { name: family, type }: Family): boolean {
  return type === "histogram"
    ? [`${family}_bucket`, `${family}_sum`, `${family}_count`].includes(name)
    : name === family;
}

/** Checks the naming conventions, and that a histogram adds up. */
function lint({ name, type, help, samples }: Family): void {
  assert.notEqual(help, "", name);
  assert.equal(name.endsWith("_total"), type === "counter", `${name} is a ${type}`);
  assert.doesNotMatch(name, UNITS, "base units only");
  for (const { value } of samples) {
    if (type !== "gauge") assert.ok(value >= 0, `${name} does not count down`);
  }
  if (type !== "histogram") return;
  const key = (labels: Sample["labels"]) => {
    const { le: _, ...others } = labels;
    return JSON.stringify(others);
  };
  for (const count of samples.filter((sample) => sample.name === `${name}_count`)) {
    const buckets = samples.filter((sample) =>
      sample.name === `${name}_bucket` && key(sample.labels) === key(count.labels)
    );
    const bounds = buckets.map(({ labels }) => Number(labels["le"]?.replace("+Inf", "Infinity")));
    assert.deepEqual(bounds, bounds.toSorted((a, b) => a - b), `${name}: bounds rise`);
    assert.equal(bounds.at(-1), Infinity, `${name}: the last bucket takes all`);
    const values = buckets.map(({ value }) => value);
    assert.deepEqual(values, values.toSorted((a, b) => a - b), `${name}: buckets are cumulative`);
    assert.equal(values.at(-1), count.value, `${name}: the last bucket is the count`);
  }
}
