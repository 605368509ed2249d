// SPDX-License-Identifier: MIT
// The rules of restart policies.
import type { RestartPolicy } from "../../../rpc/contract/schemas.ts";
import type { RestartProgress, Stopper } from "../../definitions/service_record.ts";

/** The first delay before a restart, in milliseconds, as in docker. */
const FIRST_DELAY = 100;
/** The longest delay before a restart, in milliseconds, as in docker. */
const LONGEST_DELAY = 60_000;
/** A run of this many milliseconds begins with the first delay again, as in docker. */
const GOOD_RUN = 10_000;

/** How a run of a container came to its end. */
export interface EndedRun {
  /** Exit code, or 128 + signal number; of a start that has failed anything but 0. */
  readonly exitStatus: number;
  /** How long the container ran, in milliseconds; 0 for a start that has failed. */
  readonly ranFor: number;
  /** Set if the container was stopped on purpose. */
  readonly stopper?: Stopper | undefined;
}

/**
 * Returns the progress with the restart that the policy demands after a run, which is due after
 * `delay`; undefined if the container stays stopped.
 */
export function nextRestart(
  { policy, maxRetries = 0 }: RestartPolicy,
  { count, delay }: RestartProgress,
  { exitStatus, ranFor, stopper }: EndedRun,
): RestartProgress | undefined {
  if (policy === "no" || stopper !== undefined) return undefined;
  // A maximum of 0 is none.
  const exhausted = maxRetries > 0 && count >= maxRetries;
  if (policy === "on-failure" && (exitStatus === 0 || exhausted)) return undefined;
  const before = ranFor >= GOOD_RUN ? 0 : delay;
  const next = before === 0 ? FIRST_DELAY : Math.min(before * 2, LONGEST_DELAY);
  return { count: count + 1, delay: next };
}

/**
 * Returns whether a daemon that starts also starts a container that was stopped or went down with the
 * machine. What ended by itself while no daemon ran is {@linkcode nextRestart}'s to decide.
 */
export function comesBack({ policy }: RestartPolicy, stopper: Stopper | undefined): boolean {
  return policy === "always" || (policy === "unless-stopped" && stopper !== "user");
}

/**
 * Returns the milliseconds until a recorded restart, which is due at `at` (milliseconds since 1970): at
 * most those that were decided on, for the clock may have been set back since.
 */
export function delayLeft(at: number, now: number, { delay }: RestartProgress): number {
  const longest = Math.min(delay, LONGEST_DELAY);
  return Number.isNaN(at) ? longest : Math.max(0, Math.min(at - now, longest));
}
