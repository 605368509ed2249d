// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";
import { parseSignal } from "../../linux/process/signals.ts";
import { messageOf } from "../../rpc/error_text.ts";

/** The annotation that names a container's stop signal (image-spec, annotations.md). */
export const STOP_SIGNAL_ANNOTATION = "org.opencontainers.image.stopSignal";

/** Checks the name or number of a signal. Throws commander's `InvalidArgumentError`. */
export function parseStopSignal(text: string): string {
  try {
    parseSignal(/^\d+$/.test(text) ? Number(text) : text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}
