// SPDX-License-Identifier: MIT
// Starts the processes of shims.
import { close, O_APPEND, O_CREAT, O_WRONLY, open } from "../../linux/fd/fd.ts";
import type { Child, Reaper } from "../../linux/process/reaper.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import type { ShimContract } from "../../rpc/contract/shim.ts";
import type { Peer } from "../../rpc/peer/peer.ts";
import { typedClient } from "../../rpc/transport/dial.ts";
import { Server } from "../../rpc/transport/server.ts";
import { PROTOCOL } from "../../version.ts";
import { logRpcError } from "../util/log_failure.ts";

/** How shims are started. */
export interface ShimStartOptions {
  /** The daemon's state directory; the shims dial `shims.sock` in it. */
  readonly state: string;
  /** Command that runs this berth, to which `shim serve …` is added. */
  readonly self: () => readonly string[];
  /** Environment of the shims. */
  readonly env: Readonly<Record<string, string>>;
  readonly reaper: Reaper;
  /** Called with the pid of each shim that was started. */
  readonly onStarted?: (pid: number) => void;
  /** How long a started shim may take to dial in, or to answer then, in milliseconds. */
  readonly withinMs: number;
}

/** A shim process that serves no container, reached over the connection that it dialed. */
export interface IdleShim {
  readonly pid: number;
  readonly peer: Peer;
}

/** Listener for starts, failures and ends of the shims that {@linkcode ShimStarter} starts. */
export interface ShimStartListener {
  /** A shim has dialed in. */
  ready(shim: IdleShim): void;
  /** A shim could not be started, ended before it was ready, or cannot be used. */
  failed(message: string): void;
  /** A shim that was ready has ended, so many milliseconds after its start. */
  ended(pid: number, livedFor: number): void;
}

/**
 * Returns how long a shim may take to start, in milliseconds: half a minute, or as long as any answer
 * of a shim where the config gives these longer, as it does for a slow machine.
 */
export function startTimeout(answerMs: number): number {
  return Math.max(30_000, answerMs);
}

/** Starts shim processes, which dial the daemon once they are ready. */
export class ShimStarter implements AsyncDisposable {
  readonly #options: ShimStartOptions;
  readonly #listener: ShimStartListener;
  #server: Server | undefined;
  /** Shims that were started and have not dialed in. */
  readonly #starting = new Map<number, Child>();
  /** Every shim that this daemon started and that has not ended, by its pid. */
  readonly #children = new Map<number, Child>();
  #closed = false;

  private constructor(options: ShimStartOptions, listener: ShimStartListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** Listens for shims. */
  static async open(options: ShimStartOptions, listener: ShimStartListener): Promise<ShimStarter> {
    const starter = new ShimStarter(options, listener);
    starter.#server = await Server.listen(socketPath(options.state), {
      mode: 0o600,
      handlers: {},
      onError: logRpcError,
      onConnect: (peer) => void starter.#arrived(peer),
    });
    return starter;
  }

  /** How many shims were started and have not dialed in. */
  get starting(): number {
    return this.#starting.size;
  }

  /** Starts a shim. The listener hears whether it gets ready. */
  start(): void {
    const { self, state, reaper, env, withinMs } = this.#options;
    const stderr = open(`${state}/shims.log`, O_WRONLY | O_CREAT | O_APPEND, 0o600);
    let child: Child;
    try {
      child = reaper.spawn(
        [...self(), "shim", "serve", "--control", socketPath(state)],
        { setsid: true, stderr, cwd: "/", env },
      );
    } finally {
      close(stderr);
    }
    this.#starting.set(child.pid, child);
    this.#children.set(child.pid, child);
    this.#options.onStarted?.(child.pid);
    const begun = performance.now();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = this.#starting.has(child.pid);
      if (isLate) child.kill(SIGKILL);
    }, withinMs);
    Deno.unrefTimer(timer);
    child.exited.then((exit) => {
      clearTimeout(timer);
      this.#children.delete(child.pid);
      if (!this.#starting.delete(child.pid)) {
        this.#listener.ended(child.pid, performance.now() - begun);
      } else if (!this.#closed) {
        const why = isLate
          ? `was not ready within ${withinMs} ms and was killed`
          : `ended with status ${exit.status} before it was ready`;
        this.#listener.failed(`a shim ${why}; see ${state}/shims.log`);
      }
    });
  }

  /** Kills a shim that this daemon has started. */
  kill(pid: number): void {
    this.#children.get(pid)?.kill(SIGKILL);
  }

  async #arrived(peer: Peer): Promise<void> {
    let pid: number;
    try {
      const { call } = typedClient<ShimContract>(peer);
      const hello = await call("shim.connect", {}, {
        timeoutMs: this.#options.withinMs,
      });
      pid = hello.pid;
      // The file that this daemon runs from may have been replaced by one of another protocol.
      if (hello.protocol !== PROTOCOL) {
        this.#listener.failed(
          `a shim of berth ${hello.version} speaks protocol ${hello.protocol}, this daemon ` +
            `${PROTOCOL}: restart the daemon`,
        );
        peer.close();
        return;
      }
    } catch {
      // It went away or is no shim; if it was one, its waiter hears of its exit.
      peer.close();
      return;
    }
    this.#starting.delete(pid);
    if (this.#closed) {
      peer.close();
      return;
    }
    this.#listener.ready({ pid, peer });
  }

  /** Ends the shims that have not dialed in, and listens no longer. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const child of this.#starting.values()) child.kill(SIGKILL);
    await this.#server?.[Symbol.asyncDispose]();
  }
}

/** Where shims dial in. */
function socketPath(state: string): string {
  return `${state}/shims.sock`;
}
