// SPDX-License-Identifier: MIT
import { pause } from "../rpc/transport/pause.ts";

const FIRST_MS = 50, LONGEST_MS = 2000;

/** The pauses before a daemon that has gone is dialed or asked again, each twice as long as the last. */
export class RetryPause {
  /** Length of the next pause, in milliseconds. */
  ms = FIRST_MS;

  /** Waits, or until the signal is aborted. */
  async wait(signal?: AbortSignal): Promise<void> {
    await pause(this.ms, signal);
    this.ms = Math.min(this.ms * 2, LONGEST_MS);
  }

  /** Makes the next pause the shortest. */
  reset(): void {
    this.ms = FIRST_MS;
  }
}
