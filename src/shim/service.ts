// SPDX-License-Identifier: MIT
import { failpoint } from "../failpoint.ts";
import type { Cgroup } from "../linux/cgroup/cgroup.ts";
import { SIGKILL } from "../linux/process/signals.ts";
import type { BundleRecord, StdioPaths } from "../oci/bundle_layout.ts";
import type { DeleteResult } from "../rpc/contract/schemas.ts";
import type { ShimState } from "../rpc/contract/shim.ts";
import { PROTOCOL, VERSION } from "../version.ts";
import { adoptBundle } from "./adopt.ts";
import type { ServiceParts, ShimServiceOptions } from "./container/parts.ts";
import { makeServiceParts } from "./container/parts.ts";
import type { ProcessRequests, ProcessTarget } from "./container/process_requests.ts";
import type { EventListener } from "./event_buffer.ts";
import { onExit } from "./exit/exit_watch.ts";
import { exitOf } from "../oci/process_exit.ts";
import type { ExecRequest } from "./exec/exec_process.ts";
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
  readonly #parts: ServiceParts;
  /** The methods that take no lock. */
  readonly processes: ProcessRequests;

  /**
   * @throws {FailedPreconditionError} if `berth.json` is missing or of another format.
   */
  constructor(options: ShimServiceOptions) {
    this.#parts = makeServiceParts(options);
    this.processes = this.#parts.processes;
  }

  /** The content of the bundle's `berth.json`. */
  get record(): BundleRecord {
    return this.#parts.context.record;
  }

  /** Whether there is no container, so that the shim may stop serving the bundle. */
  get idle(): boolean {
    const { name } = this.#parts.init.state;
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
    const { requests, initExit } = this.#parts;
    await requests.lock.exclusive(() =>
      adoptBundle({
        ...this.#parts,
        watchInit: (watched) => this.#watchInit(watched),
        initEnded: (exit) => initExit.handle(exit),
      })
    );
  }

  /** Mounts the rootfs and creates the container of the bundle. On failure nothing is left. */
  async create(): Promise<{ pid: number }> {
    const { requests, init, events } = this.#parts;
    return await requests.lock.exclusive(async () => {
      const watched = await init.create();
      failpoint("shim.create.publish");
      events.publish({ type: "create", pid: init.pid });
      if (watched !== undefined) this.#watchInit(watched);
      return { pid: init.pid };
    });
  }

  /** Starts the container's process. `signal` gives up; see {@linkcode InitProcess.start}. */
  async start(signal?: AbortSignal): Promise<{ pid: number }> {
    const { requests, init, initExit, events } = this.#parts;
    return await requests.exclusive("start", async () => {
      using _exit = initExit.barrier.block("event");
      const watched = await init.start(signal);
      failpoint("shim.start.publish");
      const { pid, startedAt } = init;
      events.publish({ type: "start", pid, timestamp: startedAt });
      if (watched !== undefined) this.#watchInit(watched);
      return { pid };
    });
  }

  /** Freezes every process of the container. */
  async pause(): Promise<void> {
    const { requests, init, events } = this.#parts;
    await requests.exclusive("pause", async () => {
      await init.pause();
      // In one turn of the event loop: the exit may be handled in the next.
      if (init.setFrozen(true)) events.publish({ type: "paused", pid: init.pid });
    });
  }

  /** Thaws the container. Shares the lock, for an exec may wait for just this. */
  async resume(): Promise<void> {
    const { requests, init, events } = this.#parts;
    await requests.shared("resume", async () => {
      await init.resume();
      if (init.setFrozen(false)) events.publish({ type: "resumed", pid: init.pid });
    });
  }

  /** Runs another process in the container. */
  async exec(request: ExecRequest): Promise<{ execId: string; pid: number }> {
    const { requests, init, execs, cgroup } = this.#parts;
    cgroup.syncFreezerState();
    init.check("exec");
    const exec = execs.add(request);
    try {
      return await requests.shared("exec", () => execs.start(exec));
    } catch (error) {
      execs.drop(exec);
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
    const { init, execs, cgroup } = this.#parts;
    cgroup.syncFreezerState();
    const { name } = init.state;
    const accepted = name === "created" || (name === "stopped" && !this.exitPublished);
    if (!accepted) init.check("exec");
    execs.announce(request);
  }

  /**
   * Starts an exec that was added. One that could not be started can be started again.
   *
   * @throws {NotFoundError} if there is none.
   */
  async startExec(execId: string): Promise<{ pid: number }> {
    const { requests, execs } = this.#parts;
    const exec = execs.get(execId);
    const { pid } = await requests.shared("exec", () => execs.start(exec));
    return { pid };
  }

  /** Deletes the stopped or created container, or forgets an exec that has exited. */
  async delete({ execId }: ProcessTarget): Promise<DeleteResult> {
    const { requests, init, initExit, execs, killer } = this.#parts;
    if (execId !== undefined) return await execs.delete(execId);
    init.check("delete");
    return await requests.lock.exclusive(async () => {
      init.check("delete");
      const { state } = init;
      if (state.name === "created") this.#killCreated(state.pid);
      const exit = exitOf(await initExit.exit.wait());
      if (init.state.name !== "deleted") {
        await killer.end();
        await init.delete();
        failpoint("shim.delete.execs");
        await execs.release();
      }
      return { pid: init.pid, ...exit };
    });
  }

  /** Kills an init that has not been started. */
  #killCreated(pid: number): void {
    const { killer, initExit } = this.#parts;
    if (pid > 0) return killer.killInit();
    // A restore that was never started has no process, but an end like any other.
    initExit.handle({ exitStatus: 128 + SIGKILL, exitedAt: new Date().toISOString() });
  }

  /** Returns the state of the container. */
  state(): ShimState {
    return this.processes.state();
  }

  /** Whether the exit of init was published: nothing of the container runs. */
  get exitPublished(): boolean {
    return this.#parts.initExit.barrier.passed;
  }

  /**
   * Returns the state of an exec and its stdio.
   *
   * @throws {NotFoundError} if there is none.
   */
  execState(execId: string): { readonly state: ExecProcessState; readonly stdio: StdioPaths } {
    const { state, stdio } = this.#parts.execs.get(execId);
    return { state, stdio };
  }

  /** Returns the container's cgroup: while init lives, and later if it was asked for before. */
  cgroup(): Cgroup | undefined {
    return this.#parts.cgroup.find();
  }

  /** Changes the container's resource limits (OCI linux.resources). */
  async update(resources: Readonly<Record<string, unknown>>): Promise<void> {
    const { requests, cgroup, context: { record, runtime } } = this.#parts;
    await requests.exclusive("update", async () => {
      await cgroup.suppressFreezeEvents(() => runtime.update(record.id, resources));
    });
  }

  /** Writes a checkpoint of the container to `path`; with `exit` it ends by that. */
  async checkpoint(
    { path, exit, workPath, flags }: CheckpointRequest,
  ): Promise<void> {
    const { requests, init, initExit, cgroup, events } = this.#parts;
    await requests.exclusive("checkpoint", async () => {
      using _exit = initExit.barrier.block("event");
      const pids = cgroup.pids() ?? [];
      await cgroup.suppressFreezeEvents(() =>
        init.checkpoint(pids, {
          imagePath: path,
          leaveRunning: !exit,
          workPath,
          flags,
        })
      );
      events.publish({ type: "checkpointed", pid: init.pid, path });
    });
  }

  /** Passes every kept event after `after` to `listener`, then each new one. */
  subscribe(after: number, listener: EventListener): { latest: number } & Disposable {
    return this.#parts.events.subscribe(after, listener);
  }

  /** Forgets the events up to and including `seq`. */
  ack(seq: number): void {
    failpoint("shim.ack");
    this.#parts.events.ack(seq);
  }

  /** Kills and deletes the container, whose bundle is gone. */
  async abandon(): Promise<void> {
    const { init, initExit, killer } = this.#parts;
    const { state } = init;
    if ("pid" in state && state.pid > 0 && !("exit" in state)) {
      killer.killInit();
      await initExit.exit.wait();
    }
    if (accepts(init.state.name, "delete")) await this.delete({});
  }

  /** Releases everything held for the bundle. */
  async release(): Promise<void> {
    const { init, initExit, execs } = this.#parts;
    initExit.release();
    await Promise.all([init.release(), execs.release()]);
  }

  #watchInit(watched: ProcessHandle): void {
    const { context: { record, log }, initExit, cgroup } = this.#parts;
    onExit(watched, log, (exit) => initExit.handle(exit));
    if (!record.sharedPidNamespace) return;
    try {
      cgroup.find();
    } catch (error) {
      // The container has been created all the same.
      log(`cannot find the cgroup of ${record.id}: ${error}`);
    }
  }
}
