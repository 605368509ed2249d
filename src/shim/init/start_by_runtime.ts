// SPDX-License-Identifier: MIT
import { exists } from "../../linux/fs/exists.ts";
import { after } from "../../linux/event_loop/timer.ts";
import { execFifoPath } from "../../oci/driver/exec_fifo.ts";
import type { BundleRecord } from "../../oci/bundle_layout.ts";
import { CancelledError } from "../../rpc/errors.ts";
import type { ProcessContext } from "../process/process_context.ts";
import { RUNTIME_TIMEOUT_MS } from "./delete_by_runtime.ts";
import { giveUpAfterEnd } from "./give_up_after_end.ts";

/** The signals that end a start before the OCI runtime has answered. */
export interface StartByRuntimeOptions {
  /** Aborted when init has ended. */
  readonly ended: AbortSignal;
  /**
   * Gives the start up: at once where its reason is a {@linkcode CancelledError}, else after the time
   * of the record, for the caller's connection has gone, and no other cancels the start.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the runtime start init. The runtime ends when the `poststart` hooks have, which may be never:
 * it is killed, with the hook, when the caller gives up, and some time after the caller has gone (a
 * daemon was restarted, say) or init has ended. As the OCI runtime spec has it, a hook that fails so
 * does not undo the start.
 *
 * @throws {RuntimeError} if it fails.
 * @throws {BerthError} the reason for which it was given up, where init was not started before.
 */
export async function startByRuntime(
  context: Pick<ProcessContext, "log" | "runtime"> & {
    readonly record: Pick<BundleRecord, "id" | "runtimeRoot" | "runtimeTimeoutMs">;
  },
  { ended, signal }: StartByRuntimeOptions,
): Promise<void> {
  const { record: { id, runtimeRoot, runtimeTimeoutMs = RUNTIME_TIMEOUT_MS }, runtime, log } =
    context;
  const giveUp = new AbortController();
  using timers = new DisposableStack();
  timers.use(giveUpAfterEnd(ended, giveUp));
  const onAbort = () => {
    const reason: unknown = signal?.reason;
    if (reason instanceof CancelledError) giveUp.abort(reason);
    else timers.use(after(runtimeTimeoutMs, () => giveUp.abort(reason)));
  };
  signal?.addEventListener("abort", onAbort);
  timers.defer(() => signal?.removeEventListener("abort", onAbort));
  if (signal?.aborted) onAbort();
  try {
    await runtime.start(id, { signal: giveUp.signal });
  } catch (error) {
    // Every runtime removes it when it starts init, before the hooks.
    if (!giveUp.signal.aborted || exists(execFifoPath(runtimeRoot, id))) throw error;
    log(`the start of ${id} is complete but for its poststart hooks, which do not end: ${error}`);
  }
}
