// SPDX-License-Identifier: MIT
import type { RestartPolicy } from "../../rpc/contract/schemas.ts";

/** The one that has stopped a container: a user, or the machine or daemon that goes down. */
export type Stopper = "user" | "shutdown";

/** The restarts by a policy since the container was last started by hand. */
export interface RestartProgress {
  /** Number of restarts. */
  readonly count: number;
  /** The delay before the last of them, in milliseconds; 0 if there was none. */
  readonly delay: number;
}

/** The progress of a container that was started by hand. */
export const NO_PROGRESS: RestartProgress = { count: 0, delay: 0 };

/** The daemon's orders for a container, which outlive restarts of the daemon and of the machine. */
export interface ServiceRecord {
  readonly policy: RestartPolicy;
  /** Whether the container was ever started. */
  readonly started: boolean;
  /** The one that has stopped the container since its last start. */
  readonly stopper?: Stopper | undefined;
  readonly progress: RestartProgress;
  /** The instance whose exit has been acted on. */
  readonly decided?: string | undefined;
  /** The run that is to come, or under way until its process is started. */
  readonly next?: {
    /** The instance that it will be. */
    readonly instance: string;
    /** When it is due, RFC 3339. */
    readonly at: string;
  } | undefined;
  /**
   * The instance that was created after its last run and has ended before its process was started. The
   * next one replaces it.
   */
  readonly unstarted?: string | undefined;
  /** Why the last attempt to start the container again has failed. */
  readonly error?: string | undefined;
  /** Its removal has begun. */
  readonly withdrawn?: true | undefined;
}
