// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { BerthError, DeadlineExceededError, UnavailableError } from "../../rpc/errors.ts";
import type { ShimStatus } from "../../rpc/contract/schemas.ts";
import type { Bundle } from "../bundle/bundle.ts";
import type { ContainerContext } from "../container/context.ts";
import type { ShimClient, ShimListener } from "./shim_client.ts";

type State =
  | { readonly status: "connecting" }
  | { readonly status: "connected"; readonly client: ShimClient }
  /** Its socket is taken, but it does not answer: it may be wedged. */
  | { readonly status: "unavailable"; readonly reason: string; readonly wedged: boolean }
  /** It died or was told to leave. */
  | { readonly status: "gone" };

/** What a {@linkcode ShimConnection} tells its container. */
export interface ShimConnectionListener extends ShimListener {
  /** Number of the shim's last event that was taken over. */
  readonly seen: () => number;
  /** The connection ended although nobody wanted that. */
  readonly lost: () => void;
}

/** The daemon's way to the shim of one container: whether there is one, and how it is reached. */
export class ShimConnection {
  readonly #bundle: Bundle;
  readonly #context: ContainerContext;
  readonly #listener: ShimConnectionListener;
  #state: State = { status: "connecting" };
  /** Settled when it is known how the daemon stands with the shim, or nobody is going to know. */
  #known = Promise.withResolvers<void>();
  /** The shim was told to leave, or is being killed: that its connection ends is no news. */
  #leaving = false;
  #giveUp = new AbortController();
  #pid: number;
  /** Why it was said to be unavailable, so that it is said once. */
  #reported: string | undefined;

  constructor(bundle: Bundle, context: ContainerContext, listener: ShimConnectionListener) {
    this.#bundle = bundle;
    this.#context = context;
    this.#listener = listener;
    this.#pid = bundle.shimRecord()?.pid ?? 0;
  }

  /** The pid of the shim, 0 before there is one. */
  get pid(): number {
    return this.#pid;
  }

  /** The connection while there is one. */
  get client(): ShimClient | undefined {
    return this.#state.status === "connected" ? this.#state.client : undefined;
  }

  /** How the daemon stands with the shim. */
  get status(): ShimStatus {
    const { status } = this.#state;
    return status === "connected" && this.#context.noShim ? "none" : status;
  }

  /** Resolves when it is not being connected any more, whatever came of it, or after `ms`. */
  async settled(ms: number): Promise<void> {
    let timer;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
    await Promise.race([this.#known.promise, late]);
    clearTimeout(timer);
  }

  #set(state: State): void {
    this.#state = state;
    if (state.status !== "connecting") this.#known.resolve();
    else if (!this.#leaving) this.#known = Promise.withResolvers();
  }

  /** Whether the connection may end without that being a death. */
  get isDetaching(): boolean {
    return this.#leaving;
  }

  /** Has a shim take over the bundle's container, and connects to it. */
  async adopt(): Promise<ShimClient> {
    return await this.#serve(true, () => this.connect());
  }

  /**
   * Has a shim serve the new bundle, and connects to it. Its events have yet to be asked for: this
   * waits for no answer that it can do without.
   */
  async attach(): Promise<ShimClient> {
    return await this.#serve(false, async () => {
      const client = await this.#context.shims().dial(this.#bundle, this.#listener);
      this.#use(client);
      return client;
    });
  }

  async #serve(adopt: boolean, then: () => Promise<ShimClient>): Promise<ShimClient> {
    const { group } = this.#bundle.record;
    const shims = this.#context.shims();
    return await shims.withGroupLock(group, async () => {
      this.#pid = await shims.serve(this.#bundle, group, adopt);
      return await then();
    });
  }

  /**
   * Dials the shim and takes its events from where the journal ends.
   *
   * @throws {UnavailableError} with `data.errno` if nobody listens: the shim is dead.
   * @throws {DeadlineExceededError} if it does not answer.
   * @throws {FailedPreconditionError} if it speaks another protocol.
   */
  async connect(): Promise<ShimClient> {
    if (this.#state.status !== "connecting") this.#set({ status: "connecting" });
    this.#giveUp = new AbortController();
    const { signal } = this.#giveUp;
    const shims = this.#context.shims();
    const client = await shims.dial(this.#bundle, this.#listener);
    try {
      const [hello] = await Promise.all([
        client.call("shim.connect", {}, { signal }),
        client.call("shim.events", { after: this.#listener.seen() }, { signal }),
      ]);
      shims.checkProtocol(this.#bundle.id, hello);
      this.#pid = hello.pid;
    } catch (error) {
      client.close();
      throw error;
    }
    this.#use(client);
    return client;
  }

  #use(client: ShimClient): void {
    this.#set({ status: "connected", client });
    this.#reported = undefined;
    client.closed.then(() => this.#disconnected(client));
  }

  #disconnected(client: ShimClient): void {
    if (this.#leaving || this.#context.stopping.aborted || this.client !== client) return;
    this.#set({ status: "connecting" });
    this.#listener.lost();
  }

  /** Aborted when nobody wants to wait for the shim any more; see {@linkcode cancelConnect}. */
  get signal(): AbortSignal {
    return this.#giveUp.signal;
  }

  /** Ends a {@linkcode connect} that is under way: nobody wants to wait for the shim any more. */
  cancelConnect(): void {
    this.#giveUp.abort(new UnavailableError(`connecting to the shim of ${this.#bundle.id} ended`));
  }

  /**
   * Asks a shim that gave no answer again, on a connection of its own. Answers whether it is worth
   * connecting: it has answered, or is gone.
   */
  async probe(): Promise<boolean> {
    try {
      const client = await this.#context.shims().dial(this.#bundle, { event() {} });
      try {
        await client.call("shim.connect", {});
      } finally {
        client.close();
      }
    } catch (error) {
      return !(error instanceof DeadlineExceededError);
    }
    return true;
  }

  /** Takes note that the shim is there but does not answer. */
  markUnresponsive(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.client?.close();
    const wedged = error instanceof DeadlineExceededError;
    this.#set({ status: "unavailable", reason, wedged });
    // Not each time that it is found to be so.
    if (reason === this.#reported) return;
    this.#reported = reason;
    getLogger(["berth", "shim"]).warn("{id}: its shim does not answer: {reason}", {
      id: this.#bundle.id,
      reason,
    });
  }

  /** Takes note that the shim is dead. */
  markDead(): void {
    this.#set({ status: "gone" });
  }

  /** Lets go of the connection for good; whoever calls this sees to what becomes of the shim. */
  close(): void {
    this.#leaving = true;
    this.#known.resolve();
    this.client?.close();
  }

  /** Has the shim leave the bundle; one that will not is killed, for the bundle will be removed. */
  async detach(): Promise<void> {
    this.#leaving = true;
    this.#known.resolve();
    const { client } = this;
    if (client === undefined) return;
    try {
      await this.#context.shims().leave(client, this.#pid);
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      getLogger(["berth", "shim"]).warn("{id}: its shim would not leave, killing it: {reason}", {
        id: this.#bundle.id,
        reason: error.message,
      });
      await this.#context.shims().kill(this.#bundle);
    }
    client.close();
    this.#set({ status: "gone" });
  }

  /** What a call gets while there is no connection. */
  unreachable(): UnavailableError | DeadlineExceededError {
    const { id } = this.#bundle;
    const why = this.#state.status === "unavailable"
      ? `its shim does not answer (${this.#state.reason}); delete it with force to remove it`
      : this.#state.status === "gone"
      ? "its shim is gone and it is being cleaned up"
      : "its shim is not connected yet; try again in a moment";
    const options = { data: { id, shim: this.#state.status } };
    return this.#state.status === "unavailable" && this.#state.wedged
      ? new DeadlineExceededError(`container ${id}: ${why}`, options)
      : new UnavailableError(`container ${id}: ${why}`, options);
  }
}
