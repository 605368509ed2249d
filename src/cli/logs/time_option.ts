// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Parses a time as docker takes it: RFC 3339 or a part of it, seconds since 1970, or how long ago
 * (`90s`, `1h30m`). Returns milliseconds since 1970. Throws commander's `InvalidArgumentError`.
 */
export function parseTime(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) {
    let ago = 0;
    for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
      ago += Number(count) * (UNITS[unit ?? ""] ?? 0);
    }
    return Date.now() - ago;
  }
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (Number.isFinite(time)) return time;
  throw new InvalidArgumentError(
    "expected a time such as 2026-01-02T15:04:05Z, seconds since 1970, or how long ago: 10m, 1h30m",
  );
}
