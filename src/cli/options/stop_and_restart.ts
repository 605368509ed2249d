// SPDX-License-Identifier: MIT
// Parses the options of stops and restarts.
import { InvalidArgumentError } from "commander";
import { parseSignal } from "../../linux/process/signals.ts";
import type { RestartPolicy } from "../../rpc/contract/schemas.ts";
import { messageOf } from "../../error_text.ts";

/** Checks the name or number of a signal. Throws commander's `InvalidArgumentError`. */
export function parseStopSignal(text: string): string {
  try {
    parseSignal(/^\d+$/.test(text) ? Number(text) : text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

/** Reads a number of seconds, up to a year, or -1: forever. Throws commander's `InvalidArgumentError`. */
export function parseStopTimeout(text: string): number {
  const seconds = Number(text);
  const isLegal = seconds === -1 || (seconds >= 0 && seconds <= 365 * 86_400);
  if (text.trim() === "" || !isLegal) {
    throw new InvalidArgumentError("expected a number of seconds, such as 10, or -1: forever");
  }
  return seconds;
}

/** The flag of a restart policy with its value, for help. */
export const RESTART_FLAG = "--restart <policy>";

/** Parses docker's `--restart`: a policy, and with on-failure a number. Throws commander's error. */
export function parseRestart(text: string): RestartPolicy {
  const [, name, count] = /^([a-z-]*)(?::(\d{1,9}))?$/.exec(text) ?? [];
  switch (name) {
    case "no":
    case "always":
    case "unless-stopped":
      if (count === undefined) return { policy: name };
      break;
    case "on-failure":
      return { policy: name, ...(count !== undefined && { maxRetries: Number(count) }) };
  }
  throw new InvalidArgumentError(
    "expected no, on-failure, on-failure:TIMES, always or unless-stopped",
  );
}
