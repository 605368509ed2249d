// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { messageOf } from "../../rpc/error_text.ts";

/** Logs, with its stack, an error of a connection or handler that no caller can act on. */
export function logRpcError(message: string, error: unknown): void {
  getLogger(["berth", "rpc"]).error(`${message.replaceAll(/[{}]/g, "")} {reason}`, {
    reason: messageOf(error),
    error,
  });
}
