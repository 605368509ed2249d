// SPDX-License-Identifier: MIT
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import type { Exit } from "../../linux/process/reaper.ts";

/**
 * Returns the time at which a process counts as started that the OCI runtime has just made: now, but no
 * later than its exit, which may have been reaped while the runtime was on its way back.
 */
export async function startTimeOf({ exited }: { readonly exited: Promise<Exit> }): Promise<string> {
  let exit: Exit | undefined;
  // One that was not seen is told where it is handled.
  exited.then((seen) => exit = seen, () => {});
  // An exit that has been reaped is handled in microtasks, after which the next turn comes.
  await yieldToEventLoop();
  const now = new Date().toISOString();
  return exit !== undefined && exit.at < now ? exit.at : now;
}
