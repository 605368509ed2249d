// SPDX-License-Identifier: MIT
import { after, sleep } from "../linux/event_loop/timer.ts";
import { yieldToEventLoop } from "../linux/event_loop/yield.ts";
import { FdReserve } from "../linux/fd/fd_reserve.ts";
import { Poller } from "../linux/fd/poller.ts";
import { OomLog } from "../linux/oom/oom_log.ts";
import type { Reaper } from "../linux/process/reaper.ts";
import { messageOf, stackOf } from "../error_text.ts";
import { MemoryTrim } from "../shim/memory_trim.ts";
import { ByteBudget } from "../rpc/protocol/byte_budget.ts";
import type { ShimSocket } from "./bootstrap/socket.ts";
import type { Deliver } from "./events/forwarder.ts";
import { Forwarder } from "./events/forwarder.ts";
import type { ContainerdLog } from "./log.ts";
import { TaskService } from "./task/service.ts";
import { closeConnection, serveConnection } from "./ttrpc/server.ts";

/** The default of {@linkcode ContainerdShimOptions.idleMs}. */
const IDLE_MS = 60_000;

/** How long a shim without containers stays for events that containerd has not taken: 15 minutes. */
const KEEP_MS = 900_000;

/** The same where a signal ends it, as at the shutdown of the machine. */
const SIGNAL_MS = 30_000;

/** The most that connections hold in all, in bytes: 16 of the largest frames. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** Delay before accepting is tried again where no fd is left, in milliseconds. */
const ACCEPT_RETRY_MS = 100;

/** The socket, the reaper and the ways to containerd of one shim. */
export interface ContainerdShimOptions {
  readonly namespace: string;
  readonly socket: ShimSocket;
  readonly reaper: Reaper;
  readonly deliver: Deliver;
  readonly log: ContainerdLog;
  /** How long it stays with neither a container nor a connection, in milliseconds; a minute by default. */
  readonly idleMs?: number;
  /**
   * Called once, when this process has nothing to do any more, and holds nothing but what these options
   * have given.
   */
  readonly onDone: () => void;
}

/** The process that stays: serves containerd's connections for the containers of one group. */
export class ContainerdShim {
  readonly #options: ContainerdShimOptions;
  readonly #forwarder: Forwarder;
  readonly #tasks: TaskService;
  readonly #poller = new Poller();
  readonly #reserve = new FdReserve();
  readonly #trim = new MemoryTrim();
  #oomLog: OomLog | undefined;
  readonly #connections = new Set<Deno.Conn>();
  readonly #budget = new ByteBudget(MAX_HELD_BYTES);
  #idle: Disposable | undefined;
  #ending = false;
  #done = false;

  constructor(options: ContainerdShimOptions) {
    const { namespace, reaper, deliver, log } = options;
    this.#options = options;
    this.#forwarder = new Forwarder({
      deliver,
      log: (level, message) => log.write(level, message),
    });
    this.#tasks = new TaskService({
      namespace,
      socket: options.socket.path,
      reaper,
      poller: this.#poller,
      reserve: this.#reserve,
      oomLog: () => this.#openOomLog(),
      log: (level, message, fields) => log.write(level, message, fields),
      publish: (event) => this.#forwarder.push(event),
      isQueued: (event) => this.#forwarder.holds(event),
      onStarted: () => this.#trim.schedule(),
      onShutdown: () => void this.#end(KEEP_MS),
      onLeft: () => this.#watchIdle(),
    });
    void this.#accept();
    this.#watchIdle();
  }

  /** Opens the kernel's log, unless it is open; undefined where it cannot be read. */
  #openOomLog(): OomLog | undefined {
    const { log } = this.#options;
    const message = (error: unknown) => `the kernel's log cannot be read: ${messageOf(error)}`;
    try {
      return this.#oomLog ??= OomLog.open({
        onFailure: (error) => log.write("warning", message(error)),
      });
    } catch (error) {
      log.write("debug", message(error));
      return undefined;
    }
  }

  /** Ends as a signal asks for, unless it has containers. */
  endBySignal(): void {
    void this.#end(SIGNAL_MS);
  }

  async #accept(): Promise<void> {
    const { socket: { listener }, log } = this.#options;
    while (!this.#ending) {
      try {
        void this.#serve(await listener.accept());
      } catch (error) {
        if (this.#ending) return;
        log.write("error", `accepting a connection: ${messageOf(error)}`);
        await sleep(ACCEPT_RETRY_MS);
      }
    }
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    const { log } = this.#options;
    this.#connections.add(conn);
    this.#watchIdle();
    try {
      await serveConnection(
        conn,
        this.#tasks.router,
        this.#budget,
        (message) => log.write("warning", message),
      );
    } catch (error) {
      log.write("error", `serving a connection: ${stackOf(error)}`);
    }
    closeConnection(conn);
    this.#connections.delete(conn);
    this.#watchIdle();
  }

  /** Ends an idle shim after a while: containerd may die between its start and its first container. */
  #watchIdle(): void {
    this.#idle?.[Symbol.dispose]();
    if (this.#done || this.#connections.size > 0 || this.#tasks.busy) return;
    this.#idle = after(this.#options.idleMs ?? IDLE_MS, () => void this.#end(KEEP_MS));
  }

  /**
   * Ends once the events are published, which may take `within` milliseconds; what is left then is
   * dropped. A second call can only shorten that. Does nothing where there is a container.
   */
  async #end(within: number): Promise<void> {
    if (this.#tasks.busy) return;
    if (!this.#ending) {
      this.#ending = true;
      this.#options.socket.close();
      // One that comes over a connection that is there could not be reached after that connection.
      this.#tasks.refuse();
    }
    await this.#forwarder.flush(within);
    if (this.#done) return;
    this.#done = true;
    this.#forwarder.stop();
    this.#trim[Symbol.dispose]();
    // The answer to the shutdown has been on its way for that long.
    await yieldToEventLoop();
    this.#idle?.[Symbol.dispose]();
    for (const conn of this.#connections) closeConnection(conn);
    this.#reserve[Symbol.dispose]();
    this.#oomLog?.[Symbol.dispose]();
    await this.#poller[Symbol.asyncDispose]();
    this.#options.onDone();
  }
}
