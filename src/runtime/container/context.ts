// SPDX-License-Identifier: MIT
import type { OciRuntime } from "../../oci/driver/oci_runtime.ts";
import type { Bundle } from "../bundle/bundle.ts";
import type { EventPublisher } from "../events/publisher.ts";
import type { Networks } from "../network/networks.ts";
import type { Monitor } from "../monitors/monitor.ts";
import type { DaemonHooks } from "../observability/hooks.ts";
import type { ShimTimeouts } from "../shims/shim_client.ts";
import type { ShimManager } from "../shims/shim_manager.ts";

/** Has the containers by their ids. */
export interface ContainerOwner {
  /** A failed create has left something that is still being removed; the id is not free yet. */
  cleanupPending(bundle: Bundle): void;
  /** The container of the bundle is gone; its id can be used again. */
  released(bundle: Bundle): void;
}

/** What the daemon gives each of its containers. */
export interface ContainerContext {
  readonly owner: ContainerOwner;
  readonly shims: ShimManager;
  readonly events: EventPublisher;
  readonly networks: Networks;
  /** Every monitor, as one. */
  readonly monitor: Monitor;
  readonly hooks: DaemonHooks;
  readonly timeouts: ShimTimeouts;
  /** The shim's service runs in the daemon. */
  readonly noShim: boolean;
  readonly onShimDeath: "kill" | "adopt";
  /** Aborted when the daemon stops. */
  readonly stopping: AbortSignal;
  /** The OCI runtime and root that the bundle was created with. */
  runtimeOf(bundle: Bundle): OciRuntime;
}
