// SPDX-License-Identifier: MIT
// Waits for the exit of a process.
import { sleep } from "../../linux/event_loop/timer.ts";
import { exitOf, type ProcessExit } from "../../oci/process_exit.ts";
import { NotFoundError } from "../../rpc/errors.ts";
import type { CallOptions } from "../../rpc/peer/peer.ts";
import type { Event } from "../../rpc/contract/schemas.ts";
import { printStderr } from "../text/print.ts";
import { findState } from "./containers.ts";
import type { DaemonConnection } from "./daemon.ts";

/**
 * How often a container that is being restarted is looked at, in milliseconds: at least and at
 * most.
 */
const POLL_MS = [50, 1000] as const;

/** A process to wait for. */
export interface WaitTarget {
  readonly id: string;
  /** Undefined for the container's own. */
  readonly execId?: string | undefined;
}

/**
 * Waits until a process has exited, for as long as the daemon is away. A container that is gone, such
 * as one with `--rm`, has its exit in the journal.
 *
 * @throws {NotFoundError} if there is no such container, nor was one lately.
 */
export async function waitForExit(
  daemon: DaemonConnection,
  target: WaitTarget,
  options?: CallOptions,
): Promise<ProcessExit> {
  try {
    return await daemon.callAcrossRestarts("container.wait", target, options);
  } catch (error) {
    if (!(error instanceof NotFoundError) || target.execId !== undefined) throw error;
    const exit = await lastExit(daemon, target.id);
    if (exit === undefined) throw error;
    return exit;
  }
}

/** Prints that the exit status of a process is a guess, where it is one. */
export function reportUnknownStatus(
  name: string,
  { exitStatusUnknown }: Pick<ProcessExit, "exitStatusUnknown">,
): void {
  if (exitStatusUnknown) {
    printStderr(`berth: ${name} has exited, but nobody could see its exit status`);
  }
}

/** Returns the exit of the last container of an id, as the journal has it. */
async function lastExit(daemon: DaemonConnection, id: string): Promise<ProcessExit | undefined> {
  let last: Event | undefined;
  for (let after = 0;;) {
    const page = await daemon.callAcrossRestarts("events.read", {
      after,
      ids: [id],
      types: ["exit"],
    });
    last = page.events.findLast(({ execId }) => execId === undefined) ?? last;
    if (page.next <= after || page.next >= page.latest) break;
    after = page.next;
  }
  return last && exitOf(last);
}

/** Waits until a container has exited and will not be restarted, or is gone. Returns its last exit. */
export async function waitForGood(daemon: DaemonConnection, id: string): Promise<ProcessExit> {
  // One that is not there is an error; one that goes meanwhile is not.
  await daemon.callAcrossRestarts("container.state", { id });
  while (true) {
    const exit = await waitForExit(daemon, { id });
    const state = await findState(daemon, id);
    if (state === undefined) return exit;
    if (state.status === "stopped" && state.restartingAt === undefined) return exit;
    if (state.restartingAt === undefined) continue;
    const [least, most] = POLL_MS;
    const left = Date.parse(state.restartingAt) - Date.now();
    await sleep(Math.max(least, Math.min(left, most)));
  }
}
