// SPDX-License-Identifier: MIT
import type { Event } from "../rpc/schemas.ts";
import type { RuntimeCallReport } from "./shim_client.ts";

/** Is told what the runtime does; the metrics count it. */
export interface RuntimeObserver {
  /** An event was published. */
  event(event: Event): void;
  /** A container was found again after a restart or a broken connection. */
  reconnect(): void;
  /** What a dead shim left was removed. */
  cleanup(): void;
  /** One call of the OCI runtime has ended. */
  runtimeCall(id: string, call: RuntimeCallReport): void;
  /** One RPC was answered. */
  rpc(method: string, durationMs: number, failed: boolean): void;
}

/** Counts nothing: what a daemon without a metrics endpoint uses. */
export const NO_OBSERVER: RuntimeObserver = {
  event() {},
  reconnect() {},
  cleanup() {},
  runtimeCall() {},
  rpc() {},
};
