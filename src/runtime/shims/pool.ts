// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { close, O_APPEND, O_CREAT, O_WRONLY, open } from "../../linux/fd/fd.ts";
import type { Child, Reaper } from "../../linux/process/reaper.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { isExhausted } from "../../linux/libc/errno.ts";
import { ResourceExhaustedError, UnavailableError } from "../../rpc/errors.ts";
import type { Peer } from "../../rpc/peer/peer.ts";
import { typedClient } from "../../rpc/transport/dial.ts";
import type { ShimContract } from "../../rpc/contract/shim.ts";
import { logRpcError } from "../observability/log_rpc_error.ts";
import { PROTOCOL } from "../../version.ts";
import { Server } from "../../rpc/transport/server.ts";

/** How a {@linkcode ShimPool} is set up. */
export interface ShimPoolOptions {
  /** The daemon's state directory; the shims dial `shims.sock` in it. */
  readonly state: string;
  /** Command that runs this berth, to which `shim serve …` is added. */
  readonly self: () => readonly string[];
  /** Environment of the shims. */
  readonly env: Readonly<Record<string, string>>;
  /** How many started shims to keep waiting for a container. */
  readonly warm: number;
  /** How many used shims to keep for the next container, `warm` included. */
  readonly keep: number;
  readonly reaper: Reaper;
  /** Called with the pid of each shim that was started. */
  readonly onStarted?: (pid: number) => void;
}

/** How long a started shim may take to dial in, in milliseconds. */
const START_TIMEOUT = 30_000;

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

/** A shim process that serves no container, reached over the connection that it dialed. */
interface IdleShim {
  readonly pid: number;
  readonly peer: Peer;
}

interface Waiter {
  resolve(shim: IdleShim): void;
  reject(reason: Error): void;
}

/**
 * The shim processes of this daemon that serve no container yet or no more. A shim is started ahead
 * of need and dials the daemon; when that connection ends while it serves nothing it leaves, so that
 * none outlives its daemon.
 */
export class ShimPool implements AsyncDisposable {
  readonly #options: ShimPoolOptions;
  #server: Server | undefined;
  readonly #idle: IdleShim[] = [];
  readonly #waiters: Waiter[] = [];
  /** Shims that were started and have not dialed in. */
  readonly #starting = new Map<number, Child>();
  /** Every shim that this daemon started and that has not ended, by its pid. */
  readonly #children = new Map<number, Child>();
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
    pool.#server = await Server.listen(ShimPool.socketPath(options.state), {
      mode: 0o600,
      handlers: {},
      onError: logRpcError,
      onConnect: (peer) => void pool.#arrived(peer),
    });
    pool.#fill();
    return pool;
  }

  /** Where shims dial in. */
  static socketPath(state: string): string {
    return `${state}/shims.sock`;
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
          timeoutMs: START_TIMEOUT,
        });
        return shim.pid;
      } catch (error) {
        // It may have died while idle; that says nothing about the next one.
        if (error instanceof UnavailableError && !this.#closed && others > 0) continue;
        // It may be unresponsive and would stay so forever; nothing but this bundle depends on it.
        shim.peer.close();
        this.#children.get(shim.pid)?.kill(SIGKILL);
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
    if (waiter) {
      waiter.resolve(shim);
      return;
    }
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
    const { promise, resolve, reject } = Promise.withResolvers<IdleShim>();
    this.#waiters.push({ resolve, reject });
    this.#fill();
    return promise;
  }

  /** Starts the shims that are missing for the waiters and for `warm` idle ones. */
  #fill(): void {
    if (this.#closed) return;
    const wanted = this.#waiters.length + this.#options.warm;
    while (this.#idle.length + this.#starting.size < wanted) {
      try {
        this.#start();
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

  #start(): void {
    const { self, state, reaper, env } = this.#options;
    const stderr = open(`${state}/shims.log`, O_WRONLY | O_CREAT | O_APPEND, 0o600);
    let child: Child;
    try {
      child = reaper.spawn(
        [...self(), "shim", "serve", "--control", ShimPool.socketPath(state)],
        { setsid: true, stderr, cwd: "/", env },
      );
    } finally {
      close(stderr);
    }
    this.#starting.set(child.pid, child);
    this.#children.set(child.pid, child);
    this.#options.onStarted?.(child.pid);
    const begun = performance.now();
    const timer = setTimeout(() => {
      if (this.#starting.has(child.pid)) child.kill(SIGKILL);
    }, START_TIMEOUT);
    Deno.unrefTimer(timer);
    child.exited.then((exit) => {
      clearTimeout(timer);
      this.#peers.delete(child.pid);
      this.#children.delete(child.pid);
      this.#served.delete(child.pid);
      if (this.#closed) return;
      if (!this.#starting.delete(child.pid)) {
        // One that was killed while idle is replaced, one that cannot live is not started forever.
        this.#forgetIdle((shim) => shim.pid === child.pid);
        if (performance.now() - begun > REPLACE_AFTER) this.#fill();
        return;
      }
      this.#fail(
        `a shim ended with status ${exit.status} before it was ready; see ${state}/shims.log`,
      );
    });
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

  async #arrived(peer: Peer): Promise<void> {
    let pid: number;
    try {
      const { call } = typedClient<ShimContract>(peer);
      const hello = await call("shim.connect", {}, { timeoutMs: START_TIMEOUT });
      pid = hello.pid;
      // The file that this daemon runs from may have been replaced by one of another protocol.
      if (hello.protocol !== PROTOCOL) {
        this.#fail(
          `a shim of berth ${hello.version} speaks protocol ${hello.protocol}, this daemon ` +
            `${PROTOCOL}: restart the daemon`,
        );
        peer.close();
        return;
      }
    } catch {
      // It went away or is no shim; if it was one, its exit is what its waiter is told.
      peer.close();
      return;
    }
    this.#starting.delete(pid);
    if (this.#closed) {
      peer.close();
      return;
    }
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
    for (const child of this.#starting.values()) child.kill(SIGKILL);
    for (const shim of leaving) shim.peer.close();
    await this.#server?.[Symbol.asyncDispose]();
  }
}
