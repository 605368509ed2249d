// SPDX-License-Identifier: MIT
// The parts of the daemon that its containers use.
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import type { Hierarchy } from "../../linux/cgroup/cgroup.ts";
import type { OciRuntime } from "../../oci/driver/oci_runtime.ts";
import type { Bundle } from "../bundle/bundle.ts";
import type { Config } from "../config/config.ts";
import type { EventPublisher } from "../events/publisher.ts";
import type { ContainerNetworks } from "../network/networks.ts";
import type { Monitor } from "../monitors/monitor.ts";
import type { DaemonHooks } from "../observability/hooks.ts";
import type { ShimTimeouts } from "../shims/shim_client.ts";
import type { ShimManager } from "../shims/shim_manager.ts";

/** The part of a container's state that outlives its instances. */
export type ServiceState = Pick<
  ContainerState,
  "restart" | "restartCount" | "restartingAt" | "error"
>;

/** The registry that holds a container, as the container asks it and reports to it. */
export interface ContainerOwner {
  /** Returns whether a container that has no bundle any more is still there, because it is defined. */
  keeps(id: string): boolean;
  /** Returns the part of a container's state that its bundle does not have. */
  service(id: string): ServiceState;
  /** A failed create has left something that is still being removed; the id is not free yet. */
  cleanupPending(bundle: Bundle): void;
  /** The bundle is gone, and the container with it unless it is kept. */
  released(bundle: Bundle): void;
}

/** The parts of the daemon that each of its containers uses. */
export interface ContainerContext {
  readonly config: Config;
  readonly owner: ContainerOwner;
  /** The cgroup hierarchies. They stay, and finding them costs more the more mounts the host has. */
  readonly hierarchies: readonly Hierarchy[];
  readonly shims: ShimManager;
  readonly events: EventPublisher;
  readonly networks: ContainerNetworks;
  /** Every monitor, as one. */
  readonly monitor: Monitor;
  readonly hooks: DaemonHooks;
  readonly timeouts: ShimTimeouts;
  /** Aborted when the daemon stops. */
  readonly stopping: AbortSignal;
  /** Returns the OCI runtime and root that the bundle was created with. */
  runtimeOf(bundle: Bundle): OciRuntime;
}
