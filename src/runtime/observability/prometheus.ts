// SPDX-License-Identifier: MIT
// Makes metrics in a registry, and lets a scrape give way to calls.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Upper bounds in seconds: from a look into memory to a runtime that hangs. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Returns functions that make a metric in the registry, by its name, its help and its labels. */
export function metricsIn(registry: Registry) {
  const registers = [registry];
  return {
    counter: <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
      new Counter<L>({ name, help, labelNames, registers }),
    gauge: <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
      new Gauge<L>({ name, help, labelNames, registers }),
    /** Of durations in seconds. */
    histogram: <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
      new Histogram<L>({ name, help, labelNames, buckets: BUCKETS, registers }),
  };
}

/**
 * Lets calls that have come in be served before a scrape goes on. By a timer, for messages to
 * oneself would be dealt with many at a time before anything else is.
 */
export function metricsTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
