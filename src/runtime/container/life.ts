// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { DeadlineExceededError, UnavailableError } from "../../rpc/errors.ts";
import type { DeleteResult, ShimStatus } from "../../rpc/contract/schemas.ts";
import type { ShimClient } from "../shims/shim_client.ts";
import type { ConnectedShim } from "../shims/shim_manager.ts";
import { withTimeout } from "../util/with_timeout.ts";
import { messageOf } from "../../rpc/error_text.ts";

/** Where a container is in its life, as the daemon sees it. What its processes do is another matter. */
export type LifeState =
  /** Its create is under way (`create.ts`); `client` once it has a shim. */
  | { readonly phase: "creating"; readonly client?: ShimClient | undefined }
  /** Its shim is dialled, and asked how things are (`recovery.ts`); `client` once it is dialled. */
  | {
    readonly phase: "connecting";
    readonly client?: ShimClient | undefined;
    /** Ends the attempt: nobody wants to wait for the shim any more. */
    readonly abort: AbortController;
  }
  /** Its shim looks after it and is connected. */
  | { readonly phase: "live"; readonly client: ShimClient }
  /** Somebody has its socket, but gives no answer or none that helps; tried again (`recovery.ts`). */
  | { readonly phase: "unresponsive"; readonly reason: string; readonly wedged: boolean }
  /** The shim has no container any more; the shim and the bundle remain (`deletion.ts`). */
  | {
    readonly phase: "deleting";
    /** How the container ended; undefined where its create came to nothing. */
    readonly result: DeleteResult | undefined;
    /** The shim that has yet to leave. */
    readonly shim?: ConnectedShim | undefined;
  }
  /** Its shim is dead or given up; whatever it has left is removed (`cleanup.ts`). */
  | { readonly phase: "cleaning-up" }
  /** Nothing is left and its id is free. */
  | { readonly phase: "gone"; readonly result: DeleteResult | undefined };

/** Name of a {@linkcode LifeState}. */
export type Phase = LifeState["phase"];

/** What happens to a container, as far as that changes its phase. */
export type Action =
  | "connect"
  | "finish-create"
  | "lose"
  | "reconnect"
  | "take-over"
  | "give-up"
  | "delete"
  | "detach"
  | "destroy"
  | "release";

/** The phases that an action leads to; what is not in here cannot happen. */
export const TRANSITIONS: {
  readonly [phase in Phase]: { readonly [action in Action]?: readonly Phase[] };
} = {
  creating: {
    // A shim serves the bundle and is connected.
    connect: ["creating"],
    // The connection broke: the create fails of itself, or ends as if it broke just after.
    lose: ["creating"],
    "finish-create": ["live", "connecting"],
    // The create failed: with the shim's help, or without.
    delete: ["deleting"],
    destroy: ["cleaning-up"],
  },
  connecting: {
    // The shim has answered; how its container is has yet to be asked.
    connect: ["connecting"],
    lose: ["connecting"],
    // The next attempt: a shim that takes over from a dead one.
    reconnect: ["connecting"],
    "take-over": ["live"],
    "give-up": ["unresponsive"],
    // The shim turned out to have deleted it, or never to have made it.
    delete: ["deleting"],
    destroy: ["cleaning-up"],
  },
  live: {
    lose: ["connecting"],
    "give-up": ["unresponsive"],
    delete: ["deleting"],
    destroy: ["cleaning-up"],
  },
  unresponsive: {
    "give-up": ["unresponsive"],
    reconnect: ["connecting"],
    destroy: ["cleaning-up"],
  },
  deleting: {
    detach: ["deleting"],
    destroy: ["cleaning-up"],
    release: ["gone"],
  },
  "cleaning-up": {
    // Once more, after a failure.
    destroy: ["cleaning-up"],
    release: ["gone"],
  },
  gone: {},
};

const SHIM_STATUS: Readonly<Record<Phase, Exclude<ShimStatus, "none">>> = {
  creating: "connecting",
  connecting: "connecting",
  live: "connected",
  unresponsive: "unavailable",
  deleting: "gone",
  "cleaning-up": "gone",
  gone: "gone",
};

/** An action that the phase does not have: a bug of berth. */
export class IllegalTransitionError extends Error {
  override name = "IllegalTransitionError";

  constructor(id: string, from: Phase, action: Action, to: Phase) {
    super(`container ${id} is ${from}: cannot ${action} it to be ${to}`);
  }
}

/** How a {@linkcode ContainerLife} begins. */
export interface ContainerLifeOptions {
  readonly id: string;
  /** A container that is just being made, or one that was found. */
  readonly begin: "creating" | "connecting";
  /** Pid of the shim that the bundle names; 0 for none. */
  readonly shimPid: number;
  /** Aborted when the daemon stops: connections that end are no news then. */
  readonly stopping: AbortSignal;
}

/**
 * The life of one container in the daemon: the only writer of its state. Each action checks
 * {@linkcode TRANSITIONS}. Who calls one that is not about the connection holds the container's lock.
 */
export class ContainerLife {
  readonly #id: string;
  readonly #stopping: AbortSignal;
  #state: LifeState;
  #shimPid: number;
  /** Settled when the container is not being connected any more. */
  #settled = Promise.withResolvers<void>();
  #onLost: (() => void) | undefined;
  /** Why it was said to be unresponsive, so that it is said once. */
  #reported: string | undefined;

  constructor({ id, begin, shimPid, stopping }: ContainerLifeOptions) {
    this.#id = id;
    this.#shimPid = shimPid;
    this.#stopping = stopping;
    this.#state = begin === "creating"
      ? { phase: begin }
      : { phase: begin, abort: new AbortController() };
  }

  get state(): LifeState {
    return this.#state;
  }

  get phase(): Phase {
    return this.#state.phase;
  }

  /** Pid of the shim, 0 before there is one. */
  get shimPid(): number {
    return this.#shimPid;
  }

  /** The connection to the shim that looks after the container. */
  get client(): ShimClient | undefined {
    const state = this.#state;
    return state.phase === "creating" || state.phase === "connecting" || state.phase === "live"
      ? state.client
      : undefined;
  }

  /** Whether it is being removed, or is: its shim is not to be reached any more. */
  get isEnding(): boolean {
    return this.phase === "deleting" || this.phase === "cleaning-up" || this.phase === "gone";
  }

  /** How the daemon stands with the shim, as clients are told. */
  get shimStatus(): Exclude<ShimStatus, "none"> {
    return this.phase === "creating" && this.client !== undefined
      ? "connected"
      : SHIM_STATUS[this.phase];
  }

  /** Has `listener` called when the connection of a live container breaks. */
  onLost(listener: () => void): void {
    this.#onLost = listener;
  }

  /** Resolves when it is not being connected any more, whatever came of it, or after `ms`. */
  async settled(ms: number): Promise<void> {
    if (this.phase === "connecting") await withTimeout(this.#settled.promise, ms);
  }

  /** There is a connection to the shim; what its container does has yet to be seen. */
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

  /** The create has ended well. */
  finishCreate(): void {
    const { client } = this;
    if (client !== undefined) return this.#to("finish-create", { phase: "live", client });
    this.#to("finish-create", { phase: "connecting", abort: new AbortController() });
    this.#onLost?.();
  }

  /** The shim is dialled; answers the signal that ends the attempt. */
  reconnect(): AbortSignal {
    const abort = new AbortController();
    if (this.#state.phase === "connecting") this.#state.client?.close();
    this.#to("reconnect", { phase: "connecting", abort });
    return abort.signal;
  }

  /**
   * The shim looks after the container.
   *
   * @throws {UnavailableError} if the connection has ended meanwhile.
   */
  takeOver(client: ShimClient): void {
    if (this.client !== client) throw this.unreachable();
    this.#to("take-over", { phase: "live", client });
    this.#reported = undefined;
  }

  /** Ends an attempt to connect that is under way: nobody wants to wait for the shim any more. */
  cancelConnect(): void {
    if (this.#state.phase !== "connecting") return;
    this.#state.abort.abort(
      new UnavailableError(`connecting to the shim of ${this.#id} ended`),
    );
  }

  /** The shim is there but does not answer, or does not say what can be understood. */
  giveUp(error: unknown): void {
    const reason = messageOf(error);
    const { client } = this;
    const wedged = error instanceof DeadlineExceededError;
    this.#to("give-up", { phase: "unresponsive", reason, wedged });
    client?.close();
    // Not each time that it is found to be so.
    if (reason === this.#reported) return;
    this.#reported = reason;
    getLogger(["berth", "shim"]).warn("{id}: its shim does not answer: {reason}", {
      id: this.#id,
      reason,
      error,
    });
  }

  /** The shim has no container any more; `result` is what a delete answers. */
  delete(result: DeleteResult | undefined): void {
    const { client } = this;
    const shim = client === undefined ? undefined : { client, pid: this.#shimPid };
    this.#to("delete", { phase: "deleting", result, shim });
  }

  /** The shim has left the bundle. */
  detach(): void {
    const result = this.#state.phase === "deleting" ? this.#state.result : undefined;
    this.#to("detach", { phase: "deleting", result });
  }

  /** The shim is dead, or is not waited for any more: everything is removed without it. */
  destroy(): void {
    const { client } = this;
    this.#to("destroy", { phase: "cleaning-up" });
    client?.close();
  }

  /** Nothing is left. */
  release(result: DeleteResult | undefined): void {
    this.#to("release", { phase: "gone", result });
  }

  /** Lets go of the connection; the shim goes on. For a daemon that stops. */
  close(): void {
    this.client?.close();
  }

  /** The error of a call while there is no connection. */
  unreachable(): UnavailableError | DeadlineExceededError {
    const state = this.#state;
    const why = state.phase === "unresponsive"
      ? `its shim does not answer (${state.reason}); delete it with force to remove it`
      : this.isEnding
      ? "its shim is gone and it is being cleaned up"
      : "its shim is not connected yet; try again in a moment";
    const options = { data: { id: this.#id, shim: this.shimStatus } };
    const message = `container ${this.#id}: ${why}`;
    return state.phase === "unresponsive" && state.wedged
      ? new DeadlineExceededError(message, options)
      : new UnavailableError(message, options);
  }

  /** A connection has ended: news only while it is the container's and nobody has ended it. */
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
    if (!TRANSITIONS[phase][action]?.includes(next.phase)) {
      throw new IllegalTransitionError(this.#id, phase, action, next.phase);
    }
    this.#state = next;
    if (next.phase !== "connecting") this.#settled.resolve();
    else if (phase !== "connecting") this.#settled = Promise.withResolvers();
  }
}
