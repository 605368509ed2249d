// SPDX-License-Identifier: MIT
import type { Cgroup } from "../linux/cgroup.ts";
import { findCgroup, freezerState, pids, thaw } from "../linux/cgroup.ts";
import { ESRCH, isErrno } from "../linux/errno.ts";
import type { Poller } from "../linux/poller.ts";
import { kill } from "../linux/process.ts";
import type { Exit, Reaper } from "../linux/reaper.ts";
import { parseSignal, SIGKILL } from "../linux/signals.ts";
import { after } from "../linux/timer.ts";
import type { BundleRecord } from "../oci/bundle.ts";
import { BUNDLE_FORMAT, bundlePaths, readJson } from "../oci/bundle.ts";
import { Runc } from "../oci/runc.ts";
import {
  AlreadyExistsError,
  FailedPreconditionError,
  InvalidParamsError,
  NotFoundError,
  ResourceExhaustedError,
} from "../rpc/errors.ts";
import { nextTurn } from "../rpc/next_turn.ts";
import type { DeleteResult, ExecState, ExitResult } from "../rpc/schemas.ts";
import type { ShimEvent, ShimState } from "../rpc/shim_contract.ts";
import { PROTOCOL, VERSION } from "../version.ts";
import { EventBuffer } from "./event_buffer.ts";
import type { ExecRequest } from "./exec_process.ts";
import { ExecProcess } from "./exec_process.ts";
import { ExitGate, PublishedExit } from "./exit_order.ts";
import { writeExitRecord } from "./exit_record.ts";
import type { ProcessContext } from "./init_process.ts";
import { InitProcess } from "./init_process.ts";
import type { InitAction, ProcessExit } from "./init_states.ts";
import { allows, wrongState } from "./init_states.ts";
import { killUnlessExited } from "./kill.ts";
import type { Watched } from "./kill.ts";
import { Lock } from "./lock.ts";

/** One call of the OCI runtime that has ended. */
export interface RuntimeCall {
  readonly subcommand: string;
  readonly durationMs: number;
  readonly exitCode: number;
}

/** What a {@linkcode ShimService} needs of the process that it runs in. */
export interface ShimServiceOptions {
  /** The bundle that it serves. */
  readonly bundleDir: string;
  readonly reaper: Reaper;
  readonly poller: Poller;
  /** Writes a line for a person to read. */
  readonly log: (message: string) => void;
  /** The bundle directory was found to be gone when init's exit was to be recorded. */
  readonly onBundleGone?: () => void;
}

/** What a subscriber is told; must not throw. */
export interface ShimListener {
  /** Each event, in order. */
  event(event: ShimEvent): void;
  /** Each call of the OCI runtime, when it has ended. */
  runtimeCall?(call: RuntimeCall): void;
}

/** How long init's exit waits for execs that were killed because of it, in milliseconds. */
const STRAGGLER_BOUND = 2000;

/** A process of the container by name: init where `execId` is left out. */
export interface ProcessTarget {
  readonly execId?: string | undefined;
}

/**
 * What a shim does for one container; the methods are the shim contract's. It runs behind a socket
 * in a process of its own, or inside the daemon.
 *
 * Methods that change the container take its lock: execs share it, all others have it alone. Those
 * that must work whatever hangs (state, wait, kill, closeStdin, resizePty) take none: they do what
 * they do without waiting in between.
 */
export class ShimService {
  readonly #options: ShimServiceOptions;
  readonly #context: ProcessContext;
  readonly #lock = new Lock();
  readonly #events: EventBuffer;
  readonly #init: InitProcess;
  readonly #initExit = new PublishedExit();
  readonly #gate = new ExitGate();
  readonly #execs = new Map<string, ExecProcess>();
  /** How many calls of the runtime are under way for which it may freeze the container. */
  #freezes = 0;
  readonly #listeners = new Set<ShimListener>();
  #cgroup: Cgroup | undefined;
  #stragglers: Disposable | undefined;

  /**
   * @throws {FailedPreconditionError} if `berth.json` is missing or of another version.
   */
  constructor(options: ShimServiceOptions) {
    this.#options = options;
    const paths = bundlePaths(options.bundleDir);
    const record = readJson<BundleRecord>(paths.record);
    if (record?.format !== BUNDLE_FORMAT) {
      throw new FailedPreconditionError(
        `${paths.record} ${record === undefined ? "is missing" : `is of format ${record.format}`}`,
      );
    }
    const { reaper, poller, log } = options;
    const runc = new Runc({
      command: record.runtime,
      root: record.runtimeRoot,
      spawn: (argv, spawnOptions) => reaper.spawn(argv, spawnOptions),
      debug: (call) => {
        for (const listener of this.#listeners) listener.runtimeCall?.(call);
      },
    });
    this.#context = { record, paths, runc, reaper, poller, log };
    this.#events = new EventBuffer();
    this.#init = new InitProcess(this.#context);
  }

  /** What the bundle's `berth.json` says. */
  get record(): BundleRecord {
    return this.#context.record;
  }

  /** Whether there is no container, so that the bundle can be left. */
  get idle(): boolean {
    const { name } = this.#init.state;
    return name === "none" || name === "deleted";
  }

  /** Says which shim this is. */
  connect(): { pid: number; version: string; protocol: number; instance: string } {
    return {
      pid: Deno.pid,
      version: VERSION,
      protocol: PROTOCOL,
      instance: this.record.instance,
    };
  }

  /** Mounts the rootfs and creates the container as the bundle says; on failure nothing is left. */
  async create(): Promise<{ pid: number }> {
    return await this.#lock.exclusive(async () => {
      const watched = await this.#init.create();
      this.#events.publish({ type: "create", pid: this.#init.pid });
      if (watched !== undefined) this.#watchInit(watched);
      return { pid: this.#init.pid };
    });
  }

  /** Starts the container's process. */
  async start(): Promise<{ pid: number }> {
    return await this.#lock.exclusive(() =>
      this.#during("start", async () => {
        using _exit = this.#gate.hold();
        const watched = await this.#init.start();
        this.#events.publish({ type: "start", pid: this.#init.pid });
        if (watched !== undefined) this.#watchInit(watched);
        return { pid: this.#init.pid };
      })
    );
  }

  /** Freezes every process of the container. */
  async pause(): Promise<void> {
    await this.#lock.exclusive(() =>
      this.#during("pause", async () => {
        if (await this.#init.pause()) {
          this.#events.publish({ type: "paused", pid: this.#init.pid });
        }
      })
    );
  }

  /** Thaws the container. Shares the lock, for an exec may wait for just this. */
  async resume(): Promise<void> {
    await this.#lock.shared(() =>
      this.#during("resume", async () => {
        if (await this.#init.resume()) {
          this.#events.publish({ type: "resumed", pid: this.#init.pid });
        }
      })
    );
  }

  /** Runs another process in the container. */
  async exec(request: ExecRequest): Promise<{ execId: string; pid: number }> {
    const { execId } = request;
    const { id } = this.record;
    this.#noticeFreezer();
    this.#init.check("exec");
    if (this.#execs.has(execId)) {
      throw new AlreadyExistsError(`container ${id} already has an exec ${execId}`, {
        data: { id, execId },
      });
    }
    if (this.#events.full) {
      throw new ResourceExhaustedError(
        `container ${id} has too many events that the daemon has not taken`,
        { data: { id } },
      );
    }
    const exec = new ExecProcess(this.#context, execId);
    this.#execs.set(execId, exec);
    try {
      return await this.#lock.shared(() =>
        this.#during("exec", () => this.#startExec(exec, request))
      );
    } catch (error) {
      this.#execs.delete(execId);
      throw error;
    }
  }

  async #startExec(
    exec: ExecProcess,
    request: ExecRequest,
  ): Promise<{ execId: string; pid: number }> {
    this.#init.check("exec");
    const hold = this.#gate.hold();
    let watched: Watched;
    try {
      watched = await exec.start(request);
    } catch (error) {
      hold[Symbol.dispose]();
      throw error;
    }
    const { execId, pid } = exec;
    if (this.#gate.passed) {
      // Too late: after the exit of init nothing may be heard of the container's processes.
      await killUnlessExited(pid, watched);
      await exec.release();
      throw wrongState(this.record.id, "exec in", this.#init.state.name);
    }
    this.#events.publish({ type: "exec-added", pid, execId });
    this.#events.publish({ type: "exec-started", pid, execId });
    this.#onExit(watched, (exit) => {
      exec.exited(exit);
      this.#publishExit(pid, exit, execId);
      exec.exit.resolve(exit);
      hold[Symbol.dispose]();
    });
    if (this.#init.state.name === "stopped") await killUnlessExited(pid, watched);
    return { execId, pid };
  }

  /** Deletes the stopped or created container, or forgets an exec that has exited. */
  async delete({ execId }: ProcessTarget): Promise<DeleteResult> {
    if (execId !== undefined) return await this.#deleteExec(execId);
    const { name } = this.#init.state;
    if (name !== "created" && name !== "deleted") this.#init.check("delete");
    return await this.#lock.exclusive(async () => {
      const { state } = this.#init;
      if (state.name === "created") this.#killCreated(state.pid);
      else if (state.name !== "deleted") this.#init.check("delete");
      const { exitStatus, exitedAt } = await this.#initExit.wait();
      if (this.#init.state.name !== "deleted") {
        await this.#init.delete();
        await Promise.all(Array.from(this.#execs.values(), (exec) => exec.release()));
      }
      return { pid: this.#init.pid, exitStatus, exitedAt };
    });
  }

  #killCreated(pid: number): void {
    if (pid > 0) {
      kill(pid, SIGKILL);
      this.#letDie();
      return;
    }
    // A restore that was never started has no process, but an end like any other.
    this.#initExited({ exitStatus: 128 + SIGKILL, exitedAt: new Date().toISOString() });
  }

  async #deleteExec(execId: string): Promise<DeleteResult> {
    const exec = this.#exec(execId);
    const { state } = exec;
    await exec.delete();
    this.#execs.delete(execId);
    if (state.name !== "stopped") throw new Error("unreachable: only a stopped exec is deleted");
    const { exitStatus, exitedAt } = state.exit;
    return { pid: state.pid, exitStatus, exitedAt };
  }

  /** Tells the container's state. */
  state(): ShimState {
    this.#noticeFreezer();
    const { state } = this.#init;
    return {
      status: state.name,
      pid: this.#init.pid,
      ...("startedAt" in state && state.startedAt !== undefined
        ? { startedAt: state.startedAt }
        : {}),
      ...("exit" in state ? state.exit : {}),
      processes: Array.from(this.#execs.values()).flatMap(describeExec),
    };
  }

  /** Answers when the process has exited; at once if it already has. */
  async wait({ execId }: ProcessTarget, signal?: AbortSignal): Promise<ExitResult> {
    const exit = execId === undefined ? this.#initExit : this.#exec(execId).exit;
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
      const { state } = this.#exec(execId);
      if (state.name !== "running") throw hasExited(id, execId);
      signalChild(state.pid, number, id, execId);
      return;
    }
    const { state } = this.#init;
    if (state.name === "stopped" || state.name === "deleted") throw hasExited(id);
    if (!("pid" in state) || state.pid === 0) throw wrongState(id, "signal", state.name);
    if (all) {
      await this.#freezing(() => this.#context.runc.kill(id, number, { all: true }));
      // A container that was paused may have been left thawed.
      this.#noticeFreezer();
    } else {
      signalChild(state.pid, number, id);
    }
    if (number === SIGKILL) this.#letDie();
  }

  /** Does a call for which the runtime freezes the container for a while: that is no pause. */
  async #freezing(call: () => Promise<void>): Promise<void> {
    this.#freezes++;
    try {
      await call();
    } finally {
      this.#freezes--;
    }
  }

  /** SIGKILL waits in a frozen cgroup of v1; whoever froze it, it is thawed. */
  #letDie(): void {
    const cgroup = this.#findCgroup();
    if (cgroup === undefined) return;
    const state = freezerState(cgroup);
    if (state === "frozen" || state === "freezing") thaw(cgroup);
  }

  /** Sets the size of a process's terminal, in characters. */
  resizePty(
    { execId, width, height }: ProcessTarget & { width: number; height: number },
  ): void {
    const { id } = this.record;
    const process = execId === undefined ? this.#init : this.#exec(execId);
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
    const process = execId === undefined ? this.#init : this.#exec(execId);
    if (process.io === undefined && process.state.name !== "deleted") {
      throw wrongState(this.record.id, "close the stdin of", this.#init.state.name);
    }
    process.io?.closeStdin();
  }

  /** Lists every process in the container's cgroup. */
  pids(): { processes: { pid: number; execId?: string }[] } {
    const cgroup = this.#findCgroup();
    if (cgroup === undefined) {
      throw wrongState(this.record.id, "list the processes of", this.#init.state.name);
    }
    const execs = new Map(Array.from(this.#execs.values(), (exec) => [exec.pid, exec.execId]));
    const processes = pids(cgroup).map((pid) => {
      const execId = execs.get(pid);
      return execId === undefined ? { pid } : { pid, execId };
    });
    return { processes };
  }

  /** Changes the container's resource limits (OCI linux.resources). */
  async update(resources: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#lock.exclusive(() =>
      this.#during("update", async () => {
        this.#init.check("update");
        await this.#freezing(() => this.#context.runc.update(this.record.id, resources));
      })
    );
  }

  /** Writes a checkpoint of the container to `path`; with `exit` it ends by that. */
  async checkpoint(
    { path, exit }: { path: string; exit?: boolean | undefined },
  ): Promise<void> {
    await this.#lock.exclusive(() =>
      this.#during("checkpoint", async () => {
        this.#init.check("checkpoint");
        using _exit = this.#gate.hold();
        const { id } = this.record;
        await this.#freezing(() =>
          this.#context.runc.checkpoint({ id, imagePath: path, leaveRunning: !exit })
        );
        this.#events.publish({ type: "checkpointed", pid: this.#init.pid, path });
      })
    );
  }

  /** Hands every kept event after `after` to `listener`, then each new one. */
  subscribe(after: number, listener: ShimListener): { latest: number } & Disposable {
    const subscription = this.#events.subscribe(after, (event) => listener.event(event));
    this.#listeners.add(listener);
    return {
      latest: this.#events.latest,
      [Symbol.dispose]: () => {
        subscription[Symbol.dispose]();
        this.#listeners.delete(listener);
      },
    };
  }

  /** Forgets the events up to and including `seq`. */
  ack(seq: number): void {
    this.#events.ack(seq);
  }

  /** Kills the container and removes what there is of it: its bundle is gone. */
  async abandon(): Promise<void> {
    const { state } = this.#init;
    if ("pid" in state && state.pid > 0 && !("exit" in state)) {
      await this.kill({ signal: SIGKILL });
      await this.#initExit.wait();
    }
    if (allows(this.#init.state.name, "delete")) await this.delete({});
  }

  /** Lets go of everything held for the bundle. */
  async release(): Promise<void> {
    this.#stragglers?.[Symbol.dispose]();
    await Promise.all([
      this.#init.release(),
      ...Array.from(this.#execs.values(), (exec) => exec.release()),
    ]);
  }

  /** An action that failed because the container died meanwhile fails with that as its reason. */
  async #during<T>(action: InitAction, work: () => Promise<T>): Promise<T> {
    this.#noticeFreezer();
    this.#init.check(action);
    try {
      return await work();
    } catch (error) {
      const { name } = this.#init.state;
      if (name !== "stopped" || error instanceof FailedPreconditionError) throw error;
      throw new FailedPreconditionError(
        `cannot ${action} container ${this.record.id}: it has stopped meanwhile`,
        { cause: error, data: { id: this.record.id, status: name } },
      );
    }
  }

  #onExit({ exited }: Watched, then: (exit: ProcessExit) => void): void {
    exited.then(
      ({ status, at }: Exit) => then({ exitStatus: status, exitedAt: at }),
      (error) => {
        this.#options.log(`an exit of ${this.record.id} was not seen: ${error}`);
        then({
          exitStatus: 128 + SIGKILL,
          exitedAt: new Date().toISOString(),
          exitStatusUnknown: true,
        });
      },
    );
  }

  #watchInit(watched: Watched): void {
    this.#onExit(watched, (exit) => this.#initExited(exit));
  }

  #initExited(exit: ProcessExit): void {
    const { paths, log } = this.#context;
    const { pid } = this.#init;
    let recorded = true;
    try {
      recorded = writeExitRecord(paths.exitRecord, this.record.instance, pid, exit);
    } catch (error) {
      // The event still tells it, as long as this shim lives.
      log(`cannot write ${paths.exitRecord}: ${error}`);
    }
    this.#init.exited(exit);
    const published = this.#gate.pass(() => {
      this.#stragglers?.[Symbol.dispose]();
      this.#publishExit(pid, exit);
      this.#initExit.resolve(exit);
    });
    if (!published) this.#killStragglers();
    if (!recorded) this.#options.onBundleGone?.();
  }

  /**
   * With a pid namespace of its own the kernel has killed and this process reaped every exec before
   * init's exit can be seen (pid_namespaces(7)). Without one they are killed here.
   */
  #killStragglers(): void {
    // Not at once: the exit of an exec may have been reaped together with init's and be told next.
    nextTurn().then(() => {
      for (const { state } of this.#execs.values()) {
        if (state.name === "running") kill(state.pid, SIGKILL);
      }
    });
    this.#stragglers = after(STRAGGLER_BOUND, () => {
      this.#options.log(`execs of ${this.record.id} outlive its init`);
      this.#gate.force();
    });
  }

  #publishExit(pid: number, exit: ProcessExit, execId?: string): void {
    this.#events.publish({
      type: "exit",
      pid,
      ...(execId === undefined ? {} : { execId }),
      ...exit,
    });
  }

  #exec(execId: string): ExecProcess {
    const exec = this.#execs.get(execId);
    // One that is being created has not happened yet for anybody else.
    if (exec === undefined || exec.state.name === "creating") {
      const { id } = this.record;
      throw new NotFoundError(`container ${id} has no exec ${execId}`, { data: { id, execId } });
    }
    return exec;
  }

  /** Takes note of a pause or resume that somebody did behind berth's back. */
  #noticeFreezer(): void {
    if (this.#freezes > 0) return;
    const { name, pid } = { pid: 0, ...this.#init.state };
    if (name !== "running" && name !== "paused") return;
    const cgroup = this.#findCgroup();
    if (cgroup === undefined) return;
    const state = freezerState(cgroup);
    if (state === "frozen" && this.#init.frozen()) this.#events.publish({ type: "paused", pid });
    if (state === "thawed" && this.#init.thawed()) this.#events.publish({ type: "resumed", pid });
  }

  #findCgroup(): Cgroup | undefined {
    const { state } = this.#init;
    if (!("pid" in state) || state.pid === 0 || "exit" in state) return undefined;
    try {
      return this.#cgroup ??= findCgroup(state.pid);
    } catch (error) {
      // Init has ended, which is about to be told.
      if (isErrno(error, ESRCH)) return undefined;
      throw error;
    }
  }
}

function describeExec({ execId, state }: ExecProcess): ExecState[] {
  switch (state.name) {
    case "running":
      return [{ execId, pid: state.pid, status: "running" }];
    case "stopped": {
      const { exitStatus, exitedAt } = state.exit;
      return [{ execId, pid: state.pid, status: "stopped", exitStatus, exitedAt }];
    }
    case "creating":
    case "deleted":
      return [];
  }
}

function signalNumber(signal: number | string): number {
  try {
    return parseSignal(signal);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new InvalidParamsError(message, [{ path: "signal", message }], { cause: error });
  }
}

/** The kernel cannot give this pid to another process: it is our child, and not reaped yet. */
function signalChild(pid: number, signal: number, id: string, execId?: string): void {
  try {
    kill(pid, signal);
  } catch (error) {
    // It was reaped in this turn of the event loop, and is about to be told.
    if (isErrno(error, ESRCH)) throw hasExited(id, execId);
    throw error;
  }
}

function nameOf(id: string, execId: string | undefined): string {
  return execId === undefined ? `container ${id}` : `exec ${execId} of container ${id}`;
}

function targetData(id: string, execId: string | undefined): { id: string; execId?: string } {
  return execId === undefined ? { id } : { id, execId };
}

function hasExited(id: string, execId?: string): NotFoundError {
  return new NotFoundError(`cannot signal ${nameOf(id, execId)}: it has exited`, {
    data: targetData(id, execId),
  });
}
