// SPDX-License-Identifier: MIT
import type { RestartPolicy } from "../../rpc/contract/schemas.ts";

/** Who has stopped a container: a user, or the machine or daemon that goes down. */
export type Stopper = "user" | "shutdown";

/** What a policy has done since the container was last started by hand. */
export interface RestartProgress {
  /** Number of restarts. */
  readonly count: number;
  /** The delay before the last of them, in milliseconds; 0 if there was none. */
  readonly delay: number;
}

/** The progress of a container that was started by hand. */
export const NO_PROGRESS: RestartProgress = { count: 0, delay: 0 };

/** What the daemon is to do with a container, over restarts of the daemon and of the machine. */
export interface ServiceRecord {
  readonly policy: RestartPolicy;
  /** Whether it was ever started. */
  readonly started: boolean;
  /** Who has stopped it since it was last started. */
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
  /** Why it could not be started again the last time. */
  readonly error?: string | undefined;
  /** Its removal has begun. */
  readonly withdrawn?: true | undefined;
}
