// SPDX-License-Identifier: MIT
import type { Daemon } from "./daemon.ts";
import { NO_OBSERVER } from "./observer.ts";
import type { RuntimeObserver } from "./observer.ts";

/** Counts what happens and serves it for Prometheus. */
export class Metrics implements RuntimeObserver {
  event = NO_OBSERVER.event;
  reconnect = NO_OBSERVER.reconnect;
  cleanup = NO_OBSERVER.cleanup;
  runtimeCall = NO_OBSERVER.runtimeCall;
  rpc = NO_OBSERVER.rpc;

  /** Not there yet. */
  serve(_address: string, _daemon: Daemon): Promise<AsyncDisposable> {
    return Promise.reject(new Error("metrics are not there yet"));
  }
}
