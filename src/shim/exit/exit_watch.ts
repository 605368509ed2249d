// SPDX-License-Identifier: MIT
import { SIGKILL } from "../../linux/process/signals.ts";
import type { ProcessExit } from "../process/init_states.ts";
import type { ProcessHandle } from "../process/signal.ts";

/** The exit of a process that nobody saw end; the status is a guess. */
export function unseenExit(): ProcessExit {
  return {
    exitStatus: 128 + SIGKILL,
    exitedAt: new Date().toISOString(),
    exitStatusUnknown: true,
  };
}

/** Calls `then` once when the process has exited; if that was not seen, with a guess. */
export function onExit(
  { exited }: ProcessHandle,
  log: (message: string) => void,
  then: (exit: ProcessExit) => void,
): void {
  exited.then(
    ({ status, at }) => then({ exitStatus: status, exitedAt: at }),
    (error) => {
      log(`an exit was not seen: ${error}`);
      then(unseenExit());
    },
  );
}
