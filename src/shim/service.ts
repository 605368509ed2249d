// SPDX-License-Identifier: MIT
import type { FdReserve } from "../linux/fd/fd_reserve.ts";
import type { Poller } from "../linux/fd/poller.ts";
import type { Reaper } from "../linux/process/reaper.ts";
import { SIGKILL } from "../linux/process/signals.ts";
import type { BundleRecord, StdioPaths } from "../oci/bundle_layout.ts";
import { BUNDLE_FORMAT, bundlePaths, readJson } from "../oci/bundle_layout.ts";
import { OciRuntime } from "../oci/driver/oci_runtime.ts";
import { failpoint } from "../failpoint.ts";
import { FailedPreconditionError } from "../rpc/errors.ts";
import { signalNumber } from "../rpc/signal_param.ts";
import type { DeleteResult, ExitStatus } from "../rpc/contract/schemas.ts";
import type { ShimState } from "../rpc/contract/shim.ts";
import { PROTOCOL, VERSION } from "../version.ts";
import { adoptBundle } from "./adopt.ts";
import { ContainerKiller } from "./container_killer.ts";
import { ShimCgroup } from "./shim_cgroup.ts";
import { EventBuffer } from "./event_buffer.ts";
import type { EventListener } from "./event_buffer.ts";
import type { ExecRequest } from "./process/exec_process.ts";
import { Execs } from "./process/execs.ts";
import { InitExitHandler } from "./process/init_exit.ts";
import { InitProcess } from "./process/init_process.ts";
import type { InitRequest } from "./states/init_states.ts";
import { accepts, wrongState } from "./states/init_states.ts";
import { hasExited, nameOf, targetData } from "./process/errors.ts";
import type { ExecProcessState } from "./states/exec_states.ts";
import { wrongExecState } from "./states/exec_states.ts";
import { signalling } from "./process/signal.ts";
import type { ProcessHandle } from "./process/signal.ts";
import { RwLock } from "./rwlock.ts";
import type { ProcessContext } from "./process/process_context.ts";
import { onExit } from "./exit/exit_watch.ts";

/** Options of a {@linkcode ShimService}. */
export interface ShimServiceOptions {
  /** Directory of the bundle. */
  readonly bundleDir: string;
  readonly reaper: Reaper;
  readonly poller: Poller;
  /** Provides the fd with which exits are recorded. */
  readonly reserve: FdReserve;
  /** Writes a line to the log. */
  readonly log: (message: string) => void;
  /** Called if the bundle directory is gone when init's exit is to be recorded. */
  readonly onBundleGone?: () => void;
}

/** A process of the container by name: init where `execId` is left out. */
export interface ProcessTarget {
  readonly execId?: string | undefined;
}

/**
 * Manages one container. Its methods implement the shim contract. It runs behind a socket in a shim
 * process, or inside the daemon.
 *
 * Methods that change the container take its lock: execs share it, the others hold it exclusively.
 * Methods that must work while another one hangs (state, wait, kill, closeStdin, resizePty) take no
 * lock and complete without waiting in between.
 */
export class ShimService {
  readonly #context: ProcessContext;
  readonly #lock = new RwLock();
  readonly #events = new EventBuffer();
  readonly #init: InitProcess;
  readonly #initExit: InitExitHandler;
  readonly #execs: Execs;
  readonly #cgroup: ShimCgroup;
  readonly #killer: ContainerKiller;

  /**
   * @throws {FailedPreconditionError} if `berth.json` is missing or of another version.
   */
  constructor({ bundleDir, reaper, poller, reserve, log, onBundleGone }: ShimServiceOptions) {
    const paths = bundlePaths(bundleDir);
    const record = readJson<BundleRecord>(paths.record);
    if (record?.format !== BUNDLE_FORMAT) {
      throw new FailedPreconditionError(
        `${paths.record} ${record === undefined ? "is missing" : `is of format ${record.format}`}`,
      );
    }
    const events = this.#events;
    const runtime = new OciRuntime({
      command: record.runtime,
      root: record.runtimeRoot,
      spawn: (argv, spawnOptions) => reaper.spawn(argv, spawnOptions),
      debug: (call) => events.runtimeCall(call),
    });
    const context = { record, paths, runtime, reaper, poller, reserve, log };
    const init = new InitProcess(context);
    this.#context = context;
    this.#init = init;
    this.#cgroup = new ShimCgroup(init, events, reserve);
    this.#killer = new ContainerKiller(context, init, this.#cgroup);
    this.#execs = new Execs({ context, init, events, barrier: () => this.#initExit.barrier });
    const killExecs = () => this.#execs.kill();
    const killRest = () => this.#killer.killRest();
    this.#initExit = new InitExitHandler({
      context,
      init,
      events,
      killExecs,
      killRest,
      onBundleGone,
    });
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
    await this.#lock.exclusive(() =>
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
    return await this.#lock.exclusive(async () => {
      const watched = await this.#init.create();
      failpoint("shim.create.publish");
      this.#events.publish({ type: "create", pid: this.#init.pid });
      if (watched !== undefined) this.#watchInit(watched);
      return { pid: this.#init.pid };
    });
  }

  /** Starts the container's process. */
  async start(): Promise<{ pid: number }> {
    return await this.#lock.exclusive(() =>
      this.#runRequest("start", async () => {
        using _exit = this.#initExit.barrier.block("event");
        const watched = await this.#init.start();
        failpoint("shim.start.publish");
        const { pid, startedAt } = this.#init;
        this.#events.publish({ type: "start", pid, timestamp: startedAt });
        if (watched !== undefined) this.#watchInit(watched);
        return { pid: this.#init.pid };
      })
    );
  }

  /** Freezes every process of the container. */
  async pause(): Promise<void> {
    await this.#lock.exclusive(() =>
      this.#runRequest("pause", async () => {
        await this.#init.pause();
        // In one turn of the event loop: the exit may be handled in the next.
        if (this.#init.setFrozen(true)) {
          this.#events.publish({ type: "paused", pid: this.#init.pid });
        }
      })
    );
  }

  /** Thaws the container. Shares the lock, for an exec may wait for just this. */
  async resume(): Promise<void> {
    await this.#lock.shared(() =>
      this.#runRequest("resume", async () => {
        await this.#init.resume();
        if (this.#init.setFrozen(false)) {
          this.#events.publish({ type: "resumed", pid: this.#init.pid });
        }
      })
    );
  }

  /** Runs another process in the container. */
  async exec(request: ExecRequest): Promise<{ execId: string; pid: number }> {
    this.#cgroup.syncFreezerState();
    this.#init.check("exec");
    const exec = this.#execs.add(request);
    try {
      return await this.#lock.shared(() => this.#runRequest("exec", () => this.#execs.start(exec)));
    } catch (error) {
      this.#execs.drop(exec);
      throw error;
    }
  }

  /**
   * Adds an exec that {@linkcode startExec} starts. It is accepted until the exit of init is
   * published.
   *
   * @throws {FailedPreconditionError} if the container does not run.
   */
  addExec(request: ExecRequest): void {
    this.#cgroup.syncFreezerState();
    if (this.#init.state.name !== "stopped" || this.exitPublished) this.#init.check("exec");
    this.#execs.announce(request);
  }

  /**
   * Starts an exec that was added. One that could not be started can be started again.
   *
   * @throws {NotFoundError} if there is none.
   */
  async startExec(execId: string): Promise<{ pid: number }> {
    const exec = this.#execs.get(execId);
    const { pid } = await this.#lock.shared(() =>
      this.#runRequest("exec", () => this.#execs.start(exec))
    );
    return { pid };
  }

  /** Deletes the stopped or created container, or forgets an exec that has exited. */
  async delete({ execId }: ProcessTarget): Promise<DeleteResult> {
    if (execId !== undefined) return await this.#execs.delete(execId);
    this.#init.check("delete");
    return await this.#lock.exclusive(async () => {
      this.#init.check("delete");
      const { state } = this.#init;
      if (state.name === "created") this.#killCreated(state.pid);
      const { exitStatus, exitedAt } = await this.#initExit.exit.wait();
      if (this.#init.state.name !== "deleted") {
        await this.#killer.end();
        await this.#init.delete();
        failpoint("shim.delete.execs");
        await this.#execs.release();
      }
      return { pid: this.#init.pid, exitStatus, exitedAt };
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
    this.#cgroup.syncFreezerState();
    const { state } = this.#init;
    return {
      status: state.name,
      pid: this.#init.pid,
      ...("startedAt" in state && state.startedAt !== undefined
        ? { startedAt: state.startedAt }
        : {}),
      ...("exit" in state ? state.exit : {}),
      processes: this.#execs.describe(),
    };
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

  /** Resolves when all output of a process was copied to where it goes. */
  async outputCopied({ execId }: ProcessTarget): Promise<void> {
    const process = execId === undefined ? this.#init : this.#execs.get(execId);
    await process.io?.copied();
  }

  /** Waits for a process to exit and returns how. Returns at once if it has exited. */
  async wait({ execId }: ProcessTarget, signal?: AbortSignal): Promise<ExitStatus> {
    const exit = execId === undefined ? this.#initExit.exit : this.#execs.get(execId).exit;
    const { exitStatus, exitedAt } = await exit.wait(signal);
    return { exitStatus, exitedAt };
  }

  /**
   * Sends a signal to a process, or to all in the container. SIGKILL also reaches a paused
   * container, which is thawed so that it can die.
   *
   * @throws {NotFoundError} if the process has exited.
   */
  async kill(
    { execId, signal, all }: ProcessTarget & { signal: number | string; all?: boolean | undefined },
  ): Promise<void> {
    const { id } = this.record;
    const number = signalNumber(signal);
    if (execId !== undefined) {
      const exec = this.#execs.get(execId);
      const { name } = exec.state;
      if (name === "created" || name === "starting") {
        throw wrongExecState(id, execId, "signal", name);
      }
      if (name !== "running") throw hasExited(id, execId);
      signalling(id, execId, () => exec.signal(number));
      return;
    }
    await this.#killer.kill(number, all === true);
  }

  /** Sets the size of a process's terminal, in characters. */
  resizePty(
    { execId, width, height }: ProcessTarget & { width: number; height: number },
  ): void {
    const { id } = this.record;
    const process = execId === undefined ? this.#init : this.#execs.get(execId);
    const { name } = process.state;
    if (name === "stopped" || name === "deleted" || !process.io?.resize(width, height)) {
      throw new FailedPreconditionError(
        `cannot resize the terminal of ${nameOf(id, execId)}: ${
          process.io?.consoleSocket === undefined ? "it has none" : `it is ${name}`
        }`,
        { data: targetData(id, execId) },
      );
    }
  }

  /** Closes the shim's end of a process's stdin. */
  closeStdin({ execId }: ProcessTarget): void {
    const process = execId === undefined ? this.#init : this.#execs.get(execId);
    if (process.io === undefined && process.state.name !== "deleted") {
      throw wrongState(this.record.id, "close the stdin of", this.#init.state.name);
    }
    process.io?.closeStdin();
  }

  /** Lists every process in the container's cgroup. */
  pids(): { processes: { pid: number; execId?: string }[] } {
    const pids = this.#cgroup.pids();
    if (pids === undefined) {
      throw wrongState(this.record.id, "list the processes of", this.#init.state.name);
    }
    const execs = this.#execs.byPid();
    const processes = pids.map((pid) => {
      const execId = execs.get(pid);
      return execId === undefined ? { pid } : { pid, execId };
    });
    return { processes };
  }

  /** Changes the container's resource limits (OCI linux.resources). */
  async update(resources: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#lock.exclusive(() =>
      this.#runRequest("update", async () => {
        await this.#cgroup.suppressFreezeEvents(() =>
          this.#context.runtime.update(this.record.id, resources)
        );
      })
    );
  }

  /** Writes a checkpoint of the container to `path`; with `exit` it ends by that. */
  async checkpoint(
    { path, exit }: { path: string; exit?: boolean | undefined },
  ): Promise<void> {
    await this.#lock.exclusive(() =>
      this.#runRequest("checkpoint", async () => {
        using _exit = this.#initExit.barrier.block("event");
        const { id } = this.record;
        await this.#cgroup.suppressFreezeEvents(() =>
          this.#context.runtime.checkpoint({ id, imagePath: path, leaveRunning: !exit })
        );
        this.#events.publish({ type: "checkpointed", pid: this.#init.pid, path });
      })
    );
  }

  /** Passes every kept event after `after` to `listener`, then each new one. */
  subscribe(after: number, listener: EventListener): { latest: number } & Disposable {
    const subscription = this.#events.subscribe(after, listener);
    return {
      latest: this.#events.latest,
      [Symbol.dispose]: () => subscription[Symbol.dispose](),
    };
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

  /** A request that failed because the container died meanwhile fails with that as its reason. */
  async #runRequest<T>(request: InitRequest, work: () => Promise<T>): Promise<T> {
    this.#cgroup.syncFreezerState();
    this.#init.check(request);
    try {
      return await work();
    } catch (error) {
      const { name } = this.#init.state;
      if (name !== "stopped" || error instanceof FailedPreconditionError) throw error;
      throw new FailedPreconditionError(
        `cannot ${request} container ${this.record.id}: it has stopped meanwhile`,
        { cause: error, data: { id: this.record.id, status: name } },
      );
    }
  }

  #watchInit(watched: ProcessHandle): void {
    if (this.record.sharedPidNamespace) this.#cgroup.resolve();
    onExit(watched, this.#context.log, (exit) => this.#initExit.handle(exit));
  }
}
