// SPDX-License-Identifier: MIT
import type { OciRuntime } from "../../oci/driver/oci_runtime.ts";
import type { Bundle } from "../bundle/bundle.ts";
import type { EventPublisher } from "../events/publisher.ts";
import type { Monitored } from "../monitors/monitor.ts";
import type { RuntimeCallReport, ShimTimeouts } from "../shims/shim_client.ts";
import type { ShimManager } from "../shims/shim_manager.ts";

/** What the runtime gives each of its containers. */
export interface ContainerContext {
  shims(): ShimManager;
  readonly events: EventPublisher;
  readonly timeouts: ShimTimeouts;
  /** The shim's service runs in the daemon. */
  readonly noShim: boolean;
  readonly onShimDeath: "kill" | "adopt";
  /** Aborted when the daemon stops. */
  readonly stopping: AbortSignal;
  /** The OCI runtime and root that the bundle was created with. */
  runtimeOf(bundle: Bundle): OciRuntime;
  startMonitors(container: Monitored): void;
  pollMonitors(container: Monitored): void;
  stopMonitors(container: Monitored): void;
  /** A container was found again after a restart or a broken connection. */
  onReconnect(): void;
  /** What a dead shim left was removed. */
  onCleanup(): void;
  /** One call of the OCI runtime has ended. */
  onRuntimeCall(id: string, call: RuntimeCallReport): void;
  /** A failed create has left something that is still being removed; the id is not free yet. */
  onCleanupPending(bundle: Bundle): void;
  /** The container of the bundle is gone; its id is free. */
  onReleased(bundle: Bundle): void;
}
