// SPDX-License-Identifier: MIT
import type { Exit } from "../../linux/process/reaper.ts";
import type { ProcessExit } from "../../oci/process_exit.ts";
import { unseenExit } from "../../oci/process_exit.ts";

/** Calls `then` once when the process has exited; with {@linkcode unseenExit} if that was missed. */
export function onExit(
  { exited }: { readonly exited: Promise<Exit> },
  log: (message: string) => void,
  then: (exit: ProcessExit) => void | Promise<void>,
): void {
  exited.then(
    ({ status, at }): ProcessExit => ({ exitStatus: status, exitedAt: at }),
    (error) => {
      log(`an exit was not seen: ${error}`);
      return unseenExit();
    },
  ).then(then).catch((error) => log(`an exit could not be handled: ${error?.stack ?? error}`));
}
