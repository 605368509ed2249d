// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { messageOf } from "../../error_text.ts";

/**
 * Logs a failure after which the daemon goes on. `{reason}` in the message is replaced by the message of
 * the error.
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

/**
 * Returns a {@linkcode logFailure} for what is tried until it succeeds: it logs no failure whose reason is
 * that of the one before.
 */
export function logFailuresOnce(): typeof logFailure {
  let last: string | undefined;
  return (level, category, message, error, properties) => {
    const reason = messageOf(error);
    if (reason !== last) logFailure(level, category, message, error, properties);
    last = reason;
  };
}

/** Logs, with its stack, an error of a connection or handler that no caller can act on. */
export function logRpcError(message: string, error: unknown): void {
  logFailure("error", "rpc", `${message.replaceAll(/[{}]/g, "")} {reason}`, error);
}
