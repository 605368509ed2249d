// SPDX-License-Identifier: MIT
import type { Event } from "../../rpc/contract/schemas.ts";
import type { CallReport } from "../../oci/driver/runtime_call.ts";

/** Functions that are called as things happen in the daemon, for log, metrics and traces. */
export interface DaemonHooks {
  /** Called when an event was published. */
  event(event: Event): void;
  /** Called when a container was found again after a restart or a broken connection. */
  reconnect(): void;
  /** Called when the container of a dead shim was removed. */
  cleanup(): void;
  /** Called when a call of the OCI runtime has ended. */
  runtimeCall(call: CallReport): void;
  /** Called when an RPC was answered. */
  rpc(method: string, durationMs: number, failed: boolean): void;
}

/** Returns hooks that call those of `all` in turn. */
export function combineHooks(all: readonly Partial<DaemonHooks>[]): DaemonHooks {
  return {
    event: (event) => all.forEach((each) => each.event?.(event)),
    reconnect: () => all.forEach((each) => each.reconnect?.()),
    cleanup: () => all.forEach((each) => each.cleanup?.()),
    runtimeCall: (call) => all.forEach((each) => each.runtimeCall?.(call)),
    rpc: (method, durationMs, failed) =>
      all.forEach((each) => each.rpc?.(method, durationMs, failed)),
  };
}
