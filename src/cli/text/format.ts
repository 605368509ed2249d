// SPDX-License-Identifier: MIT
// Writes times, bytes, commands and errors for people.
import { messageOf } from "../../error_text.ts";

const STEPS: readonly (readonly [seconds: number, unit: string])[] = [
  [31_536_000, "y"],
  [604_800, "w"],
  [86_400, "d"],
  [3_600, "h"],
  [60, "m"],
];

/**
 * Returns a time span for people, in its largest unit: `42s`, `5m`, `3h`, `2d`. `milliseconds` ≥ 0.
 */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  for (const [length, unit] of STEPS) {
    // Two of a unit before it is used, so that a figure never hides more than half of itself.
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)}${unit}`;
  }
  return `${seconds}s`;
}

const SPANS: readonly (readonly [seconds: number, unit: string])[] = [
  [31_536_000, "year"],
  [2_592_000, "month"],
  [604_800, "week"],
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
];

/**
 * Returns a time span in docker's words: `5 seconds`, `About a minute`, `3 hours`, `2 weeks`.
 * `milliseconds` ≥ 0.
 */
export function formatSpan(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 1) return "0 seconds";
  // As docker, a unit is used from two of it on; one minute and one hour are "about" one.
  if (seconds >= 60 && seconds < 120) return "About a minute";
  if (seconds >= 3_600 && seconds < 7_200) return "About an hour";
  for (const [length, unit] of SPANS) {
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit}s`;
  }
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes for people, in binary units: `0B`, `1.5KiB`, `64MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, "")}${UNITS[unit] ?? ""}`;
}

/**
 * Returns a command line for people: arguments with blanks or quotes in them are quoted as for a
 * shell.
 */
export function formatCommand(args: readonly string[]): string {
  return args.map((arg) => /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`)
    .join(" ");
}

// Deno's messages, here or in the daemon, for a disk or a process that has no room for more.
const EXHAUSTED =
  /(No space left on device|Disk quota exceeded|Too many open files(?: in system)?) \(os error \d+\)(?:: (\w+) '(.*)')?$/;

/** Returns the step that failed, if Deno names it, the reason, and advice. */
function explain(_all: string, why: string, call?: string, path?: string): string {
  const files = why.startsWith("Too many");
  const advice = files
    ? "raise its limit (ulimit -n, or LimitNOFILE of a unit)"
    : path === undefined
    ? "make room on that disk"
    : "make room on its disk";
  const done = /^write/.test(call ?? "") ? "write" : call;
  return `${path === undefined ? "" : `cannot ${done} ${path}: `}${why}: ${advice}`;
}

/** Returns the message of an error in one line, as {@linkcode escapeControls} has it. */
export function errorLine(error: unknown): string {
  return escapeControls(
    messageOf(error).trim().replaceAll(/\s*\n\s*/g, "; ").replace(EXHAUSTED, explain),
  );
}

/**
 * Returns text with its control characters escaped. Text from an image, a registry or a container, or
 * names that these chose, must not reach a terminal as its commands.
 */
export function escapeControls(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(2, "0");
    return character === "\t" ? " " : `\\x${code}`;
  });
}
