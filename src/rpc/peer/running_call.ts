// SPDX-License-Identifier: MIT
import type { HandlerContext, RemoteEnd } from "./handler.ts";

/**
 * One call of the other end while its handler runs. The signal is made when the handler asks for it:
 * most handlers do not.
 */
export class RunningCall implements HandlerContext {
  readonly peer: RemoteEnd;
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  /** A call that came from `peer`. */
  constructor(peer: RemoteEnd) {
    this.peer = peer;
  }

  /** Aborted when the caller cancels the call, or its connection is gone. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    return this.#controller.signal;
  }

  /** Aborts the signal with `reason`, also one that the handler asks for later. */
  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }
}
