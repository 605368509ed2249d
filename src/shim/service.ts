// SPDX-License-Identifier: MIT
import { failpoint } from "../failpoint.ts";
import type { Cgroup } from "../linux/cgroup/cgroup.ts";
import { SIGKILL } from "../linux/process/signals.ts";
import type { BundleRecord, StdioPaths } from "../oci/bundle_layout.ts";
import type { DeleteResult } from "../rpc/contract/schemas.ts";
import type { ShimState } from "../rpc/contract/shim.ts";
import { PROTOCOL, VERSION } from "../version.ts";
import { adoptBundle } from "./adopt.ts";
import type { ContainerKiller } from "./container/container_killer.ts";
import type { ShimServiceOptions } from "./container/parts.ts";
import { makeServiceParts } from "./container/parts.ts";
import type { ProcessRequests, ProcessTarget } from "./container/process_requests.ts";
import type { Requests } from "./container/requests.ts";
import type { ShimCgroup } from "./container/shim_cgroup.ts";
import type { EventBuffer, EventListener } from "./event_buffer.ts";
import { onExit } from "./exit/exit_watch.ts";
import { exitOf } from "../oci/process_exit.ts";
import type { ExecRequest } from "./exec/exec_process.ts";
import type { Execs } from "./exec/execs.ts";
import type { InitExitHandler } from "./init/init_exit.ts";
import type { InitProcess } from "./init/init_process.ts";
import type { ProcessContext } from "./process/process_context.ts";
import type { ProcessHandle } from "./process/signal.ts";
import type { ExecProcessState } from "./states/exec_states.ts";
import { accepts } from "./states/init_states.ts";

/** A request to write a checkpoint. */
export interface CheckpointRequest {
  /** Directory for CRIU's images. */
  readonly path: string;
  /** Whether the container ends by it. */
  readonly exit?: boolean | undefined;
  /** Directory for CRIU's log; `path` where left out. */
  readonly workPath?: string;
  /** Further flags for the runtime. */
  readonly flags?: readonly string[];
}

/**
 * Manages one container. Its methods implement the shim contract. It runs behind a socket in a shim
 * process, or inside the daemon.
 *
 * Methods that change the container take its lock: execs share it, the others hold it exclusively.
 * Those of {@linkcode processes} take no lock, for they must work while another one hangs.
 */
export class ShimService {
  readonly #context: ProcessContext;
  readonly #events: EventBuffer;
  readonly #init: InitProcess;
  readonly #initExit: InitExitHandler;
  readonly #execs: Execs;
  readonly #cgroup: ShimCgroup;
  readonly #killer: ContainerKiller;
  readonly #requests: Requests;
  /** The methods that take no lock. */
  readonly processes: ProcessRequests;

  /**
   * @throws {FailedPreconditionError} if `berth.json` is missing or of another format.
   */
  constructor(options: ShimServiceOptions) {
    const parts = makeServiceParts(options);
    this.#context = parts.context;
    this.#events = parts.events;
    this.#init = parts.init;
    this.#initExit = parts.initExit;
    this.#execs = parts.execs;
    this.#cgroup = parts.cgroup;
    this.#killer = parts.killer;
    this.#requests = parts.requests;
    this.processes = parts.processes;
  }

  /** The content of the bundle's `berth.json`. */
  get record(): BundleRecord {
    return this.#context.record;
  }

  /** Whether there is no container, so that the shim may stop serving the bundle. */
  get idle(): boolean {
    const { name } = this.#init.state;
    return name === "none" || name === "deleted";
  }

  /** Returns the identity of this shim. */
  connect(): { pid: number; version: string; protocol: number; instance: string } {
    return {
      pid: Deno.pid,
      version: VERSION,
      protocol: PROTOCOL,
      instance: this.record.instance,
    };
  }

  /**
   * Takes over the container of a dead shim, with its execs. Holds events back until the first
   * {@linkcode subscribe}, which gives the number of the last event that the daemon has.
   */
  async adopt(): Promise<void> {
    await this.#requests.lock.exclusive(() =>
      adoptBundle({
        context: this.#context,
        init: this.#init,
        execs: this.#execs,
        events: this.#events,
        watchInit: (watched) => this.#watchInit(watched),
        initEnded: (exit) => this.#initExit.handle(exit),
      })
    );
  }

  /** Mounts the rootfs and creates the container of the bundle. On failure nothing is left. */
  async create(): Promise<{ pid: number }> {
    return await this.#requests.lock.exclusive(async () => {
      const watched = await this.#init.create();
      failpoint("shim.create.publish");
      this.#events.publish({ type: "create", pid: this.#init.pid });
      if (watched !== undefined) this.#watchInit(watched);
      return { pid: this.#init.pid };
    });
  }

  /** Starts the container's process. `signal` gives up; see {@linkcode InitProcess.start}. */
  async start(signal?: AbortSignal): Promise<{ pid: number }> {
    return await this.#requests.exclusive("start", async () => {
      using _exit = this.#initExit.barrier.block("event");
      const watched = await this.#init.start(signal);
      failpoint("shim.start.publish");
      const { pid, startedAt } = this.#init;
      this.#events.publish({ type: "start", pid, timestamp: startedAt });
      if (watched !== undefined) this.#watchInit(watched);
      return { pid: this.#init.pid };
    });
  }

  /** Freezes every process of the container. */
  async pause(): Promise<void> {
    await this.#requests.exclusive("pause", async () => {
      await this.#init.pause();
      // In one turn of the event loop: the exit may be handled in the next.
      if (this.#init.setFrozen(true)) {
        this.#events.publish({ type: "paused", pid: this.#init.pid });
      }
    });
  }

  /** Thaws the container. Shares the lock, for an exec may wait for just this. */
  async resume(): Promise<void> {
    await this.#requests.shared("resume", async () => {
      await this.#init.resume();
      if (this.#init.setFrozen(false)) {
        this.#events.publish({ type: "resumed", pid: this.#init.pid });
      }
    });
  }

  /** Runs another process in the container. */
  async exec(request: ExecRequest): Promise<{ execId: string; pid: number }> {
    this.#cgroup.syncFreezerState();
    this.#init.check("exec");
    const exec = this.#execs.add(request);
    try {
      return await this.#requests.shared("exec", () => this.#execs.start(exec));
    } catch (error) {
      this.#execs.drop(exec);
      throw error;
    }
  }

  /**
   * Adds an exec that {@linkcode startExec} starts. It is accepted from the creation of the container
   * until the exit of init is published.
   *
   * @throws {FailedPreconditionError} if the container is paused or has ended.
   */
  addExec(request: ExecRequest): void {
    this.#cgroup.syncFreezerState();
    const { name } = this.#init.state;
    const accepted = name === "created" || (name === "stopped" && !this.exitPublished);
    if (!accepted) this.#init.check("exec");
    this.#execs.announce(request);
  }

  /**
   * Starts an exec that was added. One that could not be started can be started again.
   *
   * @throws {NotFoundError} if there is none.
   */
  async startExec(execId: string): Promise<{ pid: number }> {
    const exec = this.#execs.get(execId);
    const { pid } = await this.#requests.shared("exec", () => this.#execs.start(exec));
    return { pid };
  }

  /** Deletes the stopped or created container, or forgets an exec that has exited. */
  async delete({ execId }: ProcessTarget): Promise<DeleteResult> {
    if (execId !== undefined) return await this.#execs.delete(execId);
    this.#init.check("delete");
    return await this.#requests.lock.exclusive(async () => {
      this.#init.check("delete");
      const { state } = this.#init;
      if (state.name === "created") this.#killCreated(state.pid);
      const exit = exitOf(await this.#initExit.exit.wait());
      if (this.#init.state.name !== "deleted") {
        await this.#killer.end();
        await this.#init.delete();
        failpoint("shim.delete.execs");
        await this.#execs.release();
      }
      return { pid: this.#init.pid, ...exit };
    });
  }

  /** Kills an init that has not been started. */
  #killCreated(pid: number): void {
    if (pid > 0) return this.#killer.killInit();
    // A restore that was never started has no process, but an end like any other.
    this.#initExit.handle({ exitStatus: 128 + SIGKILL, exitedAt: new Date().toISOString() });
  }

  /** Returns the state of the container. */
  state(): ShimState {
    return this.processes.state();
  }

  /** Whether the exit of init was published: nothing of the container runs. */
  get exitPublished(): boolean {
    return this.#initExit.barrier.passed;
  }

  /**
   * Returns the state of an exec and its stdio.
   *
   * @throws {NotFoundError} if there is none.
   */
  execState(execId: string): { readonly state: ExecProcessState; readonly stdio: StdioPaths } {
    const { state, request: { stdio } } = this.#execs.get(execId);
    return { state, stdio };
  }

  /** Returns the container's cgroup: while init lives, and later if it was asked for before. */
  cgroup(): Cgroup | undefined {
    return this.#cgroup.find();
  }

  /** Changes the container's resource limits (OCI linux.resources). */
  async update(resources: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#requests.exclusive("update", async () => {
      await this.#cgroup.suppressFreezeEvents(() =>
        this.#context.runtime.update(this.record.id, resources)
      );
    });
  }

  /** Writes a checkpoint of the container to `path`; with `exit` it ends by that. */
  async checkpoint(
    { path, exit, workPath, flags }: CheckpointRequest,
  ): Promise<void> {
    await this.#requests.exclusive("checkpoint", async () => {
      using _exit = this.#initExit.barrier.block("event");
      const pids = this.#cgroup.pids() ?? [];
      await this.#cgroup.suppressFreezeEvents(() =>
        this.#init.checkpoint(pids, {
          imagePath: path,
          leaveRunning: !exit,
          ...(workPath === undefined ? {} : { workPath }),
          ...(flags === undefined ? {} : { flags }),
        })
      );
      this.#events.publish({ type: "checkpointed", pid: this.#init.pid, path });
    });
  }

  /** Passes every kept event after `after` to `listener`, then each new one. */
  subscribe(after: number, listener: EventListener): { latest: number } & Disposable {
    return this.#events.subscribe(after, listener);
  }

  /** Forgets the events up to and including `seq`. */
  ack(seq: number): void {
    failpoint("shim.ack");
    this.#events.ack(seq);
  }

  /** Kills and deletes the container, whose bundle is gone. */
  async abandon(): Promise<void> {
    const { state } = this.#init;
    if ("pid" in state && state.pid > 0 && !("exit" in state)) {
      this.#killer.killInit();
      await this.#initExit.exit.wait();
    }
    if (accepts(this.#init.state.name, "delete")) await this.delete({});
  }

  /** Releases everything held for the bundle. */
  async release(): Promise<void> {
    this.#initExit.release();
    await Promise.all([this.#init.release(), this.#execs.release()]);
  }

  #watchInit(watched: ProcessHandle): void {
    const { log } = this.#context;
    onExit(watched, log, (exit) => this.#initExit.handle(exit));
    if (!this.record.sharedPidNamespace) return;
    try {
      this.#cgroup.resolve();
    } catch (error) {
      // The container has been created all the same.
      log(`cannot find the cgroup of ${this.record.id}: ${error}`);
    }
  }
}
