// SPDX-License-Identifier: MIT
import { after } from "../../linux/event_loop/timer.ts";
import { readAvailable } from "../../linux/fd/fd.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import type { Pidfd } from "../../linux/process/pidfd.ts";
import { ASK_WITHIN, type Slot } from "./slot.ts";

/** The line of a shell that asks: its pid and the number of its arguments. */
export interface StartRequest {
  readonly pid: number;
  readonly count: number;
}

/** How long {@linkcode nextRequest} waits. */
export interface NextRequestOptions {
  readonly poller: Poller;
  /** containerd. */
  readonly parent: Pidfd;
  /** For how long no shell may ask, in milliseconds. */
  readonly idle: number;
}

/** Waits until the shell that has claimed the slot asks; undefined if none does, or not as it should. */
export async function nextRequest(
  slot: Slot,
  { poller, parent, idle }: NextRequestOptions,
): Promise<StartRequest | undefined> {
  const buffer = new Uint8Array(256);
  const line = async (ms: number): Promise<StartRequest | undefined> => {
    const over = new AbortController();
    const { signal } = over;
    using _timer = after(ms, () => over.abort());
    using _ended = poller.add(parent.fd, () => over.abort());
    for (;;) {
      const count = readAvailable(slot.ask.fd, buffer);
      if (count !== undefined) {
        const text = new TextDecoder().decode(buffer.subarray(0, count));
        const [, pid, words] = /^(\d+) (\d+)\n$/.exec(text) ?? [];
        return { pid: Number(pid), count: Number(words) };
      }
      try {
        await poller.wait(slot.ask.fd, "readable", { signal });
      } catch (error) {
        if (!signal.aborted) throw error;
        return undefined;
      }
    }
  };
  const found = await line(idle) ?? (slot.claim() ? undefined : await line(ASK_WITHIN));
  return found?.pid === slot.claimant() ? found : undefined;
}
