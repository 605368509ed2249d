// SPDX-License-Identifier: MIT
import {
  DeadlineExceededError,
  FailedPreconditionError,
  UnavailableError,
} from "../../rpc/errors.ts";
import type { DeleteResult, ShimStatus } from "../../rpc/contract/schemas.ts";
import { IllegalTransitionError } from "../../illegal_transition.ts";
import type { Action, BeginPhase, LifeState, Phase } from "../states/life_states.ts";
import { isLegal, SHIM_STATUS } from "../states/life_states.ts";
import type { ShimClient } from "../shims/shim_client.ts";
import type { ConnectedShim } from "../shims/shim_manager.ts";
import { withTimeout } from "../../linux/event_loop/with_timeout.ts";
import { messageOf } from "../../error_text.ts";
import { logFailure } from "../util/log_failure.ts";

/** The container, the phase in which its life begins, and the daemon's end. */
export interface ContainerLifeOptions {
  readonly id: string;
  readonly begin: BeginPhase;
  /** Pid of the shim that the bundle names; 0 if it names none. */
  readonly shimPid: number;
  /** Aborted when the daemon stops; connections that end after that are ignored. */
  readonly stopping: AbortSignal;
}

/**
 * Holds the phase of one container's life in the daemon and is its only writer. Each action is checked
 * against the table of transitions. Callers of actions other than those of the connection hold the
 * container's lock.
 */
export class ContainerLife {
  readonly #id: string;
  readonly #stopping: AbortSignal;
  #state: LifeState;
  #shimPid: number;
  /** Resolved when the phase is not `connecting` any more. */
  #settled = Promise.withResolvers<void>();
  #onLost: (() => void) | undefined;
  /** The reason that was last logged for an unresponsive shim: each is logged once. */
  #reported: string | undefined;

  constructor({ id, begin, shimPid, stopping }: ContainerLifeOptions) {
    this.#id = id;
    this.#shimPid = shimPid;
    this.#stopping = stopping;
    this.#state = begin === "connecting"
      ? { phase: begin, abort: new AbortController() }
      : { phase: begin };
  }

  /** The current phase, with its data. */
  get state(): LifeState {
    return this.#state;
  }

  /** Name of the current phase. */
  get phase(): Phase {
    return this.#state.phase;
  }

  /** Pid of the shim; 0 before there is one. */
  get shimPid(): number {
    return this.#shimPid;
  }

  /** The connection to the container's shim, if there is one. */
  get client(): ShimClient | undefined {
    const state = this.#state;
    return state.phase === "creating" || state.phase === "connecting" || state.phase === "live"
      ? state.client
      : undefined;
  }

  /** Whether the container is being removed or gone, so that its shim cannot be called any more. */
  get isEnding(): boolean {
    return this.phase === "deleting" || this.phase === "cleaning-up" || this.phase === "gone";
  }

  /** State of the connection to the shim, as clients see it. */
  get shimStatus(): ShimStatus {
    return this.phase === "creating" && this.client !== undefined
      ? "connected"
      : SHIM_STATUS[this.phase];
  }

  /** Calls `listener` when the connection of a live container breaks. */
  onLost(listener: () => void): void {
    this.#onLost = listener;
  }

  /** Waits until the phase is not `connecting` any more, for at most `ms` milliseconds. */
  async settled(ms: number): Promise<void> {
    if (this.phase === "connecting") await withTimeout(this.#settled.promise, ms);
  }

  /** Records the connection to the shim. The state of its container is not known yet. */
  connect({ client, pid }: ConnectedShim): void {
    const state = this.#state;
    this.#shimPid = pid;
    this.#to(
      "connect",
      state.phase === "connecting"
        ? { phase: "connecting", client, abort: state.abort }
        : { phase: "creating", client },
    );
    client.closed.then(() => this.#lose(client));
  }

  /** Records that the create has succeeded. */
  finishCreate(): void {
    const { client } = this;
    if (client !== undefined) return this.#to("finish-create", { phase: "live", client });
    this.#to("finish-create", { phase: "connecting", abort: new AbortController() });
    this.#onLost?.();
  }

  /** Begins an attempt to connect to the shim. Returns the signal that cancels the attempt. */
  reconnect(): AbortSignal {
    const abort = new AbortController();
    if (this.#state.phase === "connecting") this.#state.client?.close();
    this.#to("reconnect", { phase: "connecting", abort });
    return abort.signal;
  }

  /**
   * Records that the shim has taken charge of the container.
   *
   * @throws {UnavailableError} if the connection has broken meanwhile.
   */
  takeOver(client: ShimClient): void {
    if (this.client !== client) throw this.unreachable();
    this.#to("take-over", { phase: "live", client });
    this.#reported = undefined;
  }

  /** Cancels an attempt to connect that is under way. */
  cancelConnect(): void {
    if (this.#state.phase !== "connecting") return;
    this.#state.abort.abort(
      new UnavailableError(`connecting to the shim of ${this.#id} was canceled`),
    );
  }

  /** Records that the shim does not answer, or answers with an error; logs a new reason. */
  giveUp(error: unknown): void {
    const reason = messageOf(error);
    const { client } = this;
    const timedOut = error instanceof DeadlineExceededError;
    this.#to("give-up", { phase: "unresponsive", reason, timedOut });
    client?.close();
    if (reason === this.#reported) return;
    this.#reported = reason;
    logFailure("warn", "shim", "{id}: its shim does not answer: {reason}", error, { id: this.#id });
  }

  /** Records that the shim has deleted the container; `result` is the result of the delete. */
  delete(result: DeleteResult | undefined): void {
    const { client } = this;
    const shim = client === undefined ? undefined : { client, pid: this.#shimPid };
    this.#to("delete", { phase: "deleting", result, shim });
  }

  /** Records that the shim has left the bundle. */
  detach(): void {
    const result = this.#state.phase === "deleting" ? this.#state.result : undefined;
    this.#to("detach", { phase: "deleting", result });
  }

  /** Begins a removal without the shim, which is dead or given up. Closes its connection. */
  destroy(): void {
    const { client } = this;
    this.#to("destroy", { phase: "cleaning-up" });
    client?.close();
  }

  /** Records that nothing of the container is left. */
  release(result: DeleteResult | undefined): void {
    this.#to("release", { phase: "gone", result });
  }

  /** Closes the connection when the daemon stops. The shim keeps running. */
  close(): void {
    this.client?.close();
  }

  /** Returns the error of a call that needs the shim while there is no connection. */
  unreachable(): FailedPreconditionError | UnavailableError | DeadlineExceededError {
    const state = this.#state;
    if (state.phase === "resting") {
      return new FailedPreconditionError(`container ${this.#id} is stopped: start it first`, {
        data: { id: this.#id },
      });
    }
    const why = state.phase === "unresponsive"
      ? `its shim does not answer (${state.reason}); delete it with force to remove it`
      : this.isEnding
      ? "its shim is gone and it is being cleaned up"
      : "its shim is not connected yet; try again in a moment";
    const options = { data: { id: this.#id, shim: this.shimStatus } };
    const message = `container ${this.#id}: ${why}`;
    return state.phase === "unresponsive" && state.timedOut
      ? new DeadlineExceededError(message, options)
      : new UnavailableError(message, options);
  }

  /** Records that a connection has ended, unless it was closed on purpose or replaced. */
  #lose(client: ShimClient): void {
    const state = this.#state;
    if (this.#stopping.aborted || this.client !== client) return;
    switch (state.phase) {
      case "creating":
        return this.#to("lose", { phase: "creating" });
      case "connecting":
        return this.#to("lose", { phase: "connecting", abort: state.abort });
      case "live":
        this.#to("lose", { phase: "connecting", abort: new AbortController() });
        this.#onLost?.();
    }
  }

  #to(action: Action, next: LifeState): void {
    const { phase } = this.#state;
    if (!isLegal(phase, action, next.phase)) {
      const asked = `${action} to ${next.phase}`;
      const error = new IllegalTransitionError(`container ${this.#id}`, phase, asked);
      // A bug, which must not depend on its caller to be heard of.
      logFailure("error", "container", "{id}: {reason}", error, { id: this.#id });
      throw error;
    }
    this.#state = next;
    if (next.phase !== "connecting") this.#settled.resolve();
    else if (phase !== "connecting") this.#settled = Promise.withResolvers();
  }
}
