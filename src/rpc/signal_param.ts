// SPDX-License-Identifier: MIT
import { parseSignal } from "../linux/process/signals.ts";
import { InvalidParamsError } from "./errors.ts";
import { messageOf } from "../error_text.ts";

/**
 * Returns the number of the signal that a param gives by number or name.
 *
 * @throws {InvalidParamsError} if there is no such signal.
 */
export function signalNumber(signal: number | string): number {
  try {
    return parseSignal(signal);
  } catch (error) {
    const message = messageOf(error);
    throw new InvalidParamsError(message, [{ path: "signal", message }], { cause: error });
  }
}
