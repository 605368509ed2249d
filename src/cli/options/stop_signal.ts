// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";
import { parseSignal } from "../../linux/process/signals.ts";
import { messageOf } from "../../rpc/error_text.ts";

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
