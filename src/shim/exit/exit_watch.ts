// SPDX-License-Identifier: MIT
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import type { Exit } from "../../linux/process/reaper.ts";
import type { ProcessExit } from "../../oci/process_exit.ts";
import { unseenExit } from "../../oci/process_exit.ts";

/** Calls `then` once when the process has exited; with {@linkcode unseenExit} if that was missed. */
export function onExit(
  { exited }: { readonly exited: Promise<Exit> },
  log: (message: string) => void,
  then: (exit: ProcessExit) => void,
): void {
  exited.then(
    ({ status, at }): ProcessExit => ({ exitStatus: status, exitedAt: at }),
    (error) => {
      log(`an exit was not seen: ${error}`);
      return unseenExit();
    },
  ).then(then).catch((error) => log(`an exit could not be handled: ${error?.stack ?? error}`));
}

/**
 * Returns the time at which a process counts as started that the OCI runtime has just made: now, but no
 * later than its exit, which may have been reaped while the runtime was on its way back.
 */
export async function startedAtOf({ exited }: { readonly exited: Promise<Exit> }): Promise<string> {
  let exit: Exit | undefined;
  // An exit that was missed is logged where it is handled.
  exited.then((seen) => exit = seen, () => {});
  // An exit that has been reaped is handled in microtasks, after which the next turn comes.
  await yieldToEventLoop();
  const now = new Date().toISOString();
  return exit !== undefined && exit.at < now ? exit.at : now;
}
