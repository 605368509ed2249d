// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { messageOf } from "../../rpc/error_text.ts";

/**
 * Logs a failure that does not keep the daemon from going on. In the message `{reason}` stands for what
 * the error says.
 *
 * @param category The part of the daemon that it is about.
 * @param properties What else the message names.
 */
export function logFailure(
  level: "debug" | "warn" | "error",
  category: string,
  message: string,
  error: unknown,
  properties: Readonly<Record<string, unknown>> = {},
): void {
  getLogger(["berth", category])[level](message, {
    ...properties,
    reason: messageOf(error),
    error,
  });
}
