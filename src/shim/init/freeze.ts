// SPDX-License-Identifier: MIT
import { RuntimeError } from "../../rpc/errors.ts";
import type { ProcessContext } from "../process/process_context.ts";

/** Number of attempts to pause a container that does not freeze in time. */
const MAX_PAUSE_ATTEMPTS = 10;

/** Makes the OCI runtime freeze every process of the container, which may take several attempts. */
export async function pauseByRuntime({ runtime, record }: ProcessContext): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await runtime.pause(record.id);
    } catch (error) {
      // runc gives a v1 freezer a fraction of a second, which on a busy machine may be too short.
      const early = error instanceof RuntimeError && error.message.includes("unable to freeze");
      if (!early || attempt === MAX_PAUSE_ATTEMPTS) throw error;
    }
  }
}
