// SPDX-License-Identifier: MIT
import process from "node:process";
import type { CallOptions } from "../rpc/peer/call_options.ts";
import { Container } from "./container.ts";
import type { ContainerState, ContainerStatus, DaemonMethods, StatsEntry } from "./daemon_types.ts";
import type { DefaultSpecParams, OciSpec, RunOptions, RunParams, RunResult } from "./run.ts";
import { runContainer } from "./run.ts";
import { type EventsOptions, EventStream } from "./events.ts";
import { DEFAULT_SOCKET } from "../default_socket.ts";
import { DaemonLink } from "./link.ts";
import { createOnce } from "./calls/exactly_once.ts";
import { readPages } from "./read_pages.ts";
import { PIPED, PipedStdio, type PipedStreams } from "./stdio.ts";
import { type StatsReading, watchStats, type WatchStatsOptions } from "./stats_stream.ts";

/** The socket that {@linkcode connect} dials, and the signal that cancels it. */
export interface ConnectOptions {
  /** The daemon's socket. Default: the value of BERTH_SOCKET, else `/run/berth/berth.sock`. */
  readonly socket?: string;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
}

/** The containers that {@linkcode Client.list} returns: those that match all options. */
export interface ListOptions extends CallOptions {
  /** Only these containers. */
  readonly ids?: readonly string[];
  /** Only containers that have all these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Only containers in this status. */
  readonly status?: ContainerStatus;
}

/** The containers that {@linkcode Client.stats} returns statistics of. */
export interface StatsOptions extends CallOptions {
  /** Only these containers. */
  readonly ids?: readonly string[];
}

/**
 * The params of {@linkcode Client.create}: those of `container.create`. Where stdin, stdout or stderr
 * is `"piped"`, the handle has a stream for it.
 */
export type CreateParams = DaemonMethods["container.create"]["params"];

/** Options of {@linkcode Client.create}. */
export interface CreateOptions extends CallOptions {
  /** Whether the end of `await using` kills and deletes the container. Default: it goes on. */
  readonly deleteOnDispose?: boolean;
}

/**
 * Connects to a berth daemon.
 *
 * ```ts
 * await using client = await connect();
 * const { exitStatus, stdout } = await client.run({
 *   rootfs: "/srv/alpine",
 *   args: ["echo", "hello"],
 * });
 * console.log(exitStatus, new TextDecoder().decode(stdout));
 * ```
 *
 * @throws {UnavailableError} (as a rejection) when no daemon listens there
 */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const socket = options.socket ?? (process.env.BERTH_SOCKET || DEFAULT_SOCKET);
  const link = new DaemonLink(socket);
  await link.ready(options.signal);
  return new Client(link);
}

/**
 * A berth daemon. A connection that was lost, for instance by a restart of the daemon, is made anew by
 * the next call; calls under way when it was lost reject with `UnavailableError`.
 */
export class Client implements AsyncDisposable {
  readonly #link: DaemonLink;
  readonly #streams = new Set<EventStream>();

  /** @internal Made by {@linkcode connect}. */
  constructor(link: DaemonLink) {
    this.#link = link;
  }

  /** The daemon's socket. */
  get socket(): string {
    return this.#link.socket;
  }

  /**
   * Calls any method of the daemon. Rejects with the error that it answered, as a class by its
   * kind; `UnavailableError` when it cannot be reached; `DeadlineExceededError` at the timeout.
   */
  call<N extends keyof DaemonMethods>(
    method: N,
    params: DaemonMethods[N]["params"],
    options?: CallOptions,
  ): Promise<DaemonMethods[N]["result"]> {
    return this.#link.call(method, params, options);
  }

  /** Returns the version of the daemon and how it is set up. */
  info(options?: CallOptions): Promise<DaemonMethods["daemon.info"]["result"]> {
    return this.#link.call("daemon.info", {}, options);
  }

  /** Returns the OCI spec that `berth run` makes, for `create`. */
  async defaultSpec(params: DefaultSpecParams, options?: CallOptions): Promise<OciSpec> {
    return (await this.#link.call("spec.default", params, options)).spec;
  }

  /**
   * Creates a container; its process does not run until `start`. Where the daemon is restarted
   * meanwhile, waits for it, up to a minute, and sees to it that there is one container.
   */
  async create<const P extends CreateParams>(
    params: P,
    { deleteOnDispose = false, ...options }: CreateOptions = {},
  ): Promise<Container & PipedStreams<P>> {
    const stdio = await PipedStdio.open(params);
    try {
      const { id, instance = crypto.randomUUID() } = params;
      await createOnce(this.#link, { ...params, ...stdio.params, instance }, options);
      stdio.closeHeld();
      const container = new Container(this.#link, id, { stdio, instance, deleteOnDispose });
      return stdio.typed<P, Container>(container);
    } catch (error) {
      await stdio.close();
      throw error;
    }
  }

  /**
   * Runs a program in a container: creates it, starts it, collects its output, waits for its end
   * and deletes it. Output beyond `maxOutput` is dropped. An aborted `signal` kills and deletes
   * it, and the call rejects with the signal's reason; `timeoutMs` does so with a
   * {@linkcode RunTimeoutError}, which has the output.
   */
  async run(params: RunParams, options: RunOptions = {}): Promise<RunResult> {
    const { id = `run-${crypto.randomUUID().slice(0, 8)}`, create, signal, stdin } = options;
    const spec = "spec" in params ? params.spec : await this.defaultSpec({ ...params, id });
    signal?.throwIfAborted();
    const made = {
      ...create,
      id,
      spec,
      stdout: PIPED,
      stderr: PIPED,
      ...(stdin !== undefined && { stdin: PIPED }),
    } as const;
    // Node 20 has no `await using`.
    const container = await this.create(made, { deleteOnDispose: true });
    try {
      signal?.throwIfAborted();
      return await runContainer(container, options);
    } finally {
      await container[Symbol.asyncDispose]();
    }
  }

  /** Returns a handle of the container of this id, without a call: the container may not exist. */
  container(id: string): Container {
    return new Container(this.#link, id);
  }

  /** Returns the state of all containers, or of those that match. Reads as many pages as there are. */
  async list(options: ListOptions = {}): Promise<readonly ContainerState[]> {
    const { ids, labels, status, ...call } = options;
    return await readPages((after) =>
      this.#link.call("container.list", { ids, labels, status, after }, call)
    );
  }

  /**
   * Returns the resource usage of every container that has a cgroup, or of those that match. Reads as
   * many pages as there are.
   */
  async stats(options: StatsOptions = {}): Promise<readonly StatsEntry[]> {
    const { ids, ...call } = options;
    return await readPages((after) => this.#link.call("container.listStats", { ids, after }, call));
  }

  /**
   * Reads the resource usage of containers again and again, with their CPU usage in percent: over a
   * connection of its own, which is made anew when it is lost.
   */
  watchStats(options: WatchStatsOptions = {}): AsyncGenerator<StatsReading, void> {
    return watchStats(this.#link.socket, options);
  }

  /** Streams the events of containers from now on, or after a given event; see {@linkcode EventStream}. */
  events(options: EventsOptions = {}): EventStream {
    const stream = new EventStream(this.#link.socket, options);
    this.#streams.add(stream);
    stream.ended.then(() => this.#streams.delete(stream));
    return stream;
  }

  /** Closes the connection and every event stream; containers go on. */
  async close(): Promise<void> {
    this.#link.close();
    await Promise.all(Array.from(this.#streams, (stream) => stream.return()));
  }

  /** Calls {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
