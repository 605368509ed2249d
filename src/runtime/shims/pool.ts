// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { isExhausted } from "../../linux/libc/errno.ts";
import { ResourceExhaustedError, UnavailableError } from "../../rpc/errors.ts";
import type { Peer } from "../../rpc/peer/peer.ts";
import { ShimStarter } from "./shim_starter.ts";
import type { IdleShim, ShimStartOptions } from "./shim_starter.ts";

/** How a {@linkcode ShimPool} is set up. */
export interface ShimPoolOptions extends ShimStartOptions {
  /** How many started shims to keep waiting for a container. */
  readonly warm: number;
  /** How many used shims to keep for the next container, `warm` included. */
  readonly keep: number;
}

/** How many shims in a row may turn out to be dead when a bundle is given to them. */
const MAX_IDLE_DEATHS = 3;

/** How long a shim must have lived to be replaced when it ends, in milliseconds. */
const REPLACE_AFTER = 1_000;

/** How long more than `warm` idle shims are kept, in milliseconds. */
const IDLE_KEEP = 10_000;

/**
 * How many containers a shim may serve one after the other: with each it holds some more memory, which
 * the last one, that may stay, should not pay for.
 */
const MOST_SERVED = 32;

/**
 * The shim processes of this daemon that serve no container yet or no more. A shim is started ahead
 * of need and dials the daemon; when that connection ends while it serves nothing it leaves, so that
 * none outlives its daemon.
 */
export class ShimPool implements AsyncDisposable {
  readonly #options: ShimPoolOptions;
  #starter: ShimStarter | undefined;
  readonly #idle: IdleShim[] = [];
  readonly #waiters: PromiseWithResolvers<IdleShim>[] = [];
  /** The connection each live shim of this daemon dialed, by the shim's pid. */
  readonly #peers = new Map<number, Peer>();
  /** How many bundles were given to each of these. */
  readonly #served = new Map<number, number>();
  #trim: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  private constructor(options: ShimPoolOptions) {
    this.#options = options;
  }

  /** Listens for shims and starts the first ones. */
  static async open(options: ShimPoolOptions): Promise<ShimPool> {
    const pool = new ShimPool(options);
    pool.#starter = await ShimStarter.open(options, {
      ready: (shim) => pool.#ready(shim),
      failed: (message) => pool.#fail(message),
      ended: (pid, livedFor) => pool.#ended(pid, livedFor),
    });
    pool.#fill();
    return pool;
  }

  /**
   * Lets an idle shim serve `bundle`, starting one if none is idle; returns its pid once
   * the bundle's socket is bound.
   *
   * @throws {UnavailableError} if a shim cannot be started.
   */
  async serve(bundle: string, adopt = false): Promise<number> {
    for (let others = MAX_IDLE_DEATHS;; others--) {
      const shim = this.#idle.pop() ?? await this.#next();
      this.#served.set(shim.pid, (this.#served.get(shim.pid) ?? 0) + 1);
      this.#fill();
      try {
        await shim.peer.call("shim.serve", adopt ? { bundle, adopt } : { bundle }, {
          timeoutMs: this.#options.withinMs,
        });
        return shim.pid;
      } catch (error) {
        // It may have died while idle; that says nothing about the next one.
        if (error instanceof UnavailableError && !this.#closed && others > 0) continue;
        // It may be unresponsive and would stay so forever; nothing but this bundle depends on it.
        shim.peer.close();
        this.#starter?.kill(shim.pid);
        throw error;
      }
    }
  }

  /** Takes back a shim that answered `shim.exit` with `reused`. */
  release(pid: number): void {
    const peer = this.#peers.get(pid);
    if (peer === undefined) return;
    this.#offer({ pid, peer });
  }

  /**
   * Returns whether a shim of this pid can be taken back: it is this daemon's, not old, and there
   * is room.
   */
  wants(pid: number): boolean {
    return !this.#closed && this.#peers.has(pid) &&
      (this.#served.get(pid) ?? 0) < MOST_SERVED &&
      this.#idle.length < Math.max(this.#options.keep, this.#options.warm);
  }

  /** How many shims wait for a container. */
  get idle(): number {
    return this.#idle.length;
  }

  #offer(shim: IdleShim): void {
    const waiter = this.#waiters.shift();
    if (waiter) return waiter.resolve(shim);
    this.#idle.push(shim);
    if (this.#idle.length > this.#options.warm) this.#trimLater();
  }

  /** Ends idle shims beyond `warm` that were not needed for a while. */
  #trimLater(): void {
    clearTimeout(this.#trim);
    this.#trim = setTimeout(() => {
      while (this.#idle.length > this.#options.warm) this.#idle.shift()?.peer.close();
    }, IDLE_KEEP);
    Deno.unrefTimer(this.#trim);
  }

  #next(): Promise<IdleShim> {
    const waiter = Promise.withResolvers<IdleShim>();
    this.#waiters.push(waiter);
    this.#fill();
    return waiter.promise;
  }

  /** Starts the shims that are missing for the waiters and for `warm` idle ones. */
  #fill(): void {
    const starter = this.#starter;
    if (this.#closed || starter === undefined) return;
    const wanted = this.#waiters.length + this.#options.warm;
    while (this.#idle.length + starter.starting < wanted) {
      try {
        starter.start();
      } catch (error) {
        const cause = error instanceof Error ? error : new Error(String(error));
        const waited = this.#waiters.length;
        this.#fail(`cannot start a shim: ${cause.message}`, cause);
        // Every other waiter is rejected too: its shim was never started.
        if (waited <= 1) return;
        return this.#fill();
      }
    }
  }

  #ended(pid: number, livedFor: number): void {
    this.#peers.delete(pid);
    this.#served.delete(pid);
    if (this.#closed) return;
    // One that was killed while idle is replaced, one that cannot live is not started forever.
    this.#forgetIdle((shim) => shim.pid === pid);
    if (livedFor > REPLACE_AFTER) this.#fill();
  }

  /**
   * Rejects one waiter, whose shim could not be started. Without a waiter, the next one tries
   * again.
   */
  #fail(message: string, cause?: Error): void {
    getLogger(["berth", "shim"]).error(message);
    const options = cause === undefined ? {} : { cause };
    this.#waiters.shift()?.reject(
      isExhausted(cause)
        ? new ResourceExhaustedError(message, options)
        : new UnavailableError(message, options),
    );
  }

  #ready({ pid, peer }: IdleShim): void {
    this.#peers.set(pid, peer);
    peer.closed.then(() => {
      if (this.#peers.get(pid) === peer) this.#peers.delete(pid);
      this.#forgetIdle((shim) => shim.peer === peer);
    });
    this.#offer({ pid, peer });
  }

  #forgetIdle(which: (shim: IdleShim) => boolean): void {
    const index = this.#idle.findIndex(which);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** Lets every idle shim leave; those that serve a container go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#trim);
    for (const waiter of this.#waiters.splice(0)) {
      waiter.reject(new UnavailableError("the daemon is stopping"));
    }
    const leaving = this.#idle.splice(0);
    for (const shim of leaving) shim.peer.close();
    await this.#starter?.[Symbol.asyncDispose]();
  }
}
