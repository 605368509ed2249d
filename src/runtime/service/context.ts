// SPDX-License-Identifier: MIT
import type { ContainerRegistry } from "../container_registry.ts";
import type { Definitions } from "../definitions/definitions.ts";
import type { KeyedMutex } from "../util/locks.ts";
import type { MountKeeper } from "./mount_keeper.ts";

/** The parts of the daemon that each part of the service of containers works with. */
export interface ServiceContext {
  readonly containers: Pick<
    ContainerRegistry,
    "get" | "find" | "isTaken" | "cancelCreate" | "hasInstance"
  >;
  readonly definitions: Definitions;
  /** The root directory. */
  readonly root: string;
  /** The locks of ids: held by each start, stop or delete of a container as a whole. */
  readonly locks: KeyedMutex;
  /** Keeps the options of the host's cgroup v2 while CRIU runs. */
  readonly cgroupMounts: MountKeeper;
  /** Throws {@linkcode FailedPreconditionError} if nothing may be done with the container of the id. */
  readonly checkUsable: (id: string) => void;
  /** Called when an attempt to start a container again is over, however it ended. */
  readonly onAttemptEnd: (id: string) => void;
  /** Aborted when the daemon stops. */
  readonly stopping: AbortSignal;
}
