// SPDX-License-Identifier: MIT
import { after } from "../../linux/event_loop/timer.ts";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import { startTime } from "../../linux/process/process.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { AlreadyExistsError, NotFoundError, ResourceExhaustedError } from "../../rpc/errors.ts";
import type { DeleteResult, ExecState } from "../../rpc/contract/schemas.ts";
import { AdoptedProcess } from "../process/adopted_process.ts";
import type { EventBuffer } from "../event_buffer.ts";
import type { ExecRequest } from "./exec_process.ts";
import { Exec } from "./exec_process.ts";
import type { ExecRecord } from "./exec_record.ts";
import { removeExecRecord, writeExecRecord } from "./exec_record.ts";
import type { ExitBarrier } from "../exit/exit_barrier.ts";
import type { InitProcess } from "../init/init_process.ts";
import type { ProcessExit } from "../../oci/process_exit.ts";
import { wrongState } from "../states/init_states.ts";
import { killUnlessExited, unlessReaped } from "../process/signal.ts";
import type { ProcessHandle } from "../process/signal.ts";
import type { ProcessContext } from "../process/process_context.ts";
import { onExit } from "../exit/exit_watch.ts";
import { exitOf, notBefore, unseenExit } from "../../oci/process_exit.ts";

/**
 * How long after a start its files are removed, in milliseconds: its client, and what that asks about it,
 * go first.
 */
const TIDY_MS = 10;

/** The parts of a container's shim that its execs work with. */
export interface ExecsOptions {
  readonly context: ProcessContext;
  readonly init: InitProcess;
  readonly events: EventBuffer;
  /** Each exec blocks init's exit until its own is published. */
  readonly barrier: () => ExitBarrier;
  /** Whether each exec is recorded for a shim that adopts the container. */
  readonly adoptable: boolean;
}

/** The execs of one container. */
export class Execs {
  readonly #options: ExecsOptions;
  readonly #execs = new Map<string, Exec>();
  /** Those of which `exec-added` was published before their start; they show before it, too. */
  readonly #announced = new Set<Exec>();
  readonly #records = new Map<string, ExecRecord>();
  /** The exec that was prepared last. */
  #prepared: Exec | undefined;

  constructor(options: ExecsOptions) {
    this.#options = options;
  }

  /**
   * Returns an exec that was started or announced.
   *
   * @throws {NotFoundError} if there is none.
   */
  get(execId: string): Exec {
    const exec = this.#execs.get(execId);
    // One that is added and started by one call does not show before it runs.
    if (exec === undefined || (isUnstarted(exec) && !this.#announced.has(exec))) {
      const { id } = this.#options.context.record;
      throw new NotFoundError(`container ${id} has no exec ${execId}`, { data: { id, execId } });
    }
    return exec;
  }

  /** Returns the execId of each pid. */
  byPid(): Map<number, string> {
    const started = Array.from(this.#execs.values()).filter(({ pid }) => pid > 0);
    return new Map(started.map(({ pid, execId }) => [pid, execId]));
  }

  /** Returns the state of each exec. */
  describe(): ExecState[] {
    return Array.from(this.#execs.values()).flatMap(describeExec);
  }

  /**
   * Reserves the id of a new exec.
   *
   * @throws {AlreadyExistsError} if it is taken.
   * @throws {ResourceExhaustedError} if too many events are unacknowledged.
   */
  add(request: ExecRequest): Exec {
    const { execId } = request;
    const { context, events } = this.#options;
    const { id } = context.record;
    if (this.#execs.has(execId)) {
      throw new AlreadyExistsError(`container ${id} already has an exec ${execId}`, {
        data: { id, execId },
      });
    }
    if (events.full) {
      throw new ResourceExhaustedError(
        `container ${id} has too many events that the daemon has not acknowledged`,
        { data: { id } },
      );
    }
    const exec = new Exec(context, request);
    this.#execs.set(execId, exec);
    return exec;
  }

  /** Adds an exec that is started by another call, and publishes that. */
  announce(request: ExecRequest): void {
    const { context, events } = this.#options;
    const exec = this.add(request);
    this.#announced.add(exec);
    this.#prepare(exec).catch((error) => context.log(`exec ${exec.execId}: ${error}`));
    events.publish({ type: "exec-added", pid: 0, execId: exec.execId });
  }

  /**
   * Prepares an exec for a start that follows at once; one at a time. Not one with a stdin: its client
   * may write that to its end as soon as the FIFO is open, and be ready to close it after the start only
   * (`ctr task exec`).
   */
  async #prepare(exec: Exec): Promise<void> {
    const { init } = this.#options;
    if (!init.startedDirectly || init.state.name !== "running") return;
    const { stdin, terminal } = exec.stdio;
    if (stdin !== "" || terminal || this.#prepared?.isPrepared) return;
    this.#prepared = exec;
    await exec.prepare();
  }

  /** Frees the id of an exec that could not be started. */
  drop(exec: Exec): void {
    this.#execs.delete(exec.execId);
  }

  /** Starts an added exec. If it throws, nothing but the id is left. */
  async start(exec: Exec): Promise<{ execId: string; pid: number }> {
    const { init, events, context } = this.#options;
    const barrier = this.#options.barrier();
    init.check("exec");
    const hold = barrier.block("exec");
    let watched: ProcessHandle;
    try {
      watched = await exec.start();
    } catch (error) {
      hold[Symbol.dispose]();
      throw error;
    }
    const { execId, pid, startedAt: timestamp } = exec;
    if (barrier.passed) {
      // Too late: no event may follow the exit of init.
      onExit(watched, context.log, (exit) => exec.recordExit(exit));
      await killUnlessExited(pid, watched);
      await exec.release();
      throw wrongState(context.record.id, "exec in", init.state.name);
    }
    if (this.#options.adoptable) {
      this.#record({
        execId,
        pid,
        startTime: this.#startTime(pid),
        stdio: exec.stdio,
        startedSeq: events.next(this.#announced.has(exec) ? 0 : 1),
      });
    }
    const event = { pid, execId, timestamp };
    if (!this.#announced.has(exec)) events.publish({ type: "exec-added", ...event });
    events.publish({ type: "exec-started", ...event });
    // The start is answered first, also where the process has ended already.
    const answered = yieldToEventLoop();
    after(TIDY_MS, () => exec.dropStart());
    onExit(watched, context.log, async (exit) => {
      await answered;
      const exitedAt = notBefore(timestamp, exit.exitedAt);
      this.#recordExit(exec, { ...exit, exitedAt }, hold);
    });
    if (init.state.name === "stopped") await killUnlessExited(pid, watched);
    return { execId, pid };
  }

  /**
   * Takes over an exec of a dead shim. The caller publishes its earlier events. Publishes its exit if
   * that was not recorded.
   */
  async adopt(record: ExecRecord): Promise<void> {
    const { context } = this.#options;
    const { execId, stdio } = record;
    const exec = new Exec(context, { execId, process: {}, stdio });
    this.#execs.set(record.execId, exec);
    this.#records.set(record.execId, record);
    const process = record.exit !== undefined ? undefined : await AdoptedProcess.open(
      record.pid,
      context,
      // A zombie will do: its exit status can still be read.
      () => startTime(record.pid) === record.startTime,
    );
    await exec.adopt(record, process);
    if (record.exit !== undefined) {
      exec.recordExit(record.exit);
      exec.exit.resolve(record.exit);
      return;
    }
    const hold = this.#options.barrier().block("exec");
    const ended = (exit: ProcessExit) => this.#recordExit(exec, exit, hold);
    if (process !== undefined) onExit(process, context.log, ended);
    else queueMicrotask(() => ended(unseenExit()));
  }

  #recordExit(exec: Exec, exit: ProcessExit, hold: Disposable): void {
    const { events } = this.#options;
    using _released = hold;
    exec.recordExit(exit);
    const record = this.#records.get(exec.execId);
    if (record !== undefined) {
      this.#record({ ...record, exit, exitSeq: events.next() });
    }
    events.publishExit(exec.pid, exit, exec.execId);
    exec.exit.resolve(exit);
  }

  /** 0 where it cannot be told, as of a process that has ended. */
  #startTime(pid: number): number {
    const { log, reserve } = this.#options.context;
    try {
      return reserve.run(() => startTime(pid)) ?? 0;
    } catch (error) {
      log(`cannot tell when process ${pid} was started: ${error}`);
      return 0;
    }
  }

  /** A failure is logged only: only an adopting shim reads the record. */
  #record(record: ExecRecord): void {
    const { paths, log, reserve } = this.#options.context;
    this.#records.set(record.execId, record);
    try {
      reserve.run(() => writeExecRecord(paths.dir, record));
    } catch (error) {
      log(`cannot record exec ${record.execId}: ${error}`);
    }
  }

  /** Deletes an exec that has exited, or was never started. */
  async delete(execId: string): Promise<DeleteResult> {
    const exec = this.get(execId);
    const { pid, ...exit } = exec.delete();
    this.#execs.delete(execId);
    this.#announced.delete(exec);
    const recorded = this.#records.delete(execId);
    const { paths, log } = this.#options.context;
    try {
      if (recorded) removeExecRecord(paths.dir, execId);
      await exec.release();
    } catch (error) {
      log(`deleting exec ${execId}: ${error}`);
    }
    return { pid, ...exitOf(exit) };
  }

  /** Kills every running exec. */
  kill(): void {
    for (const exec of this.#execs.values()) {
      if (exec.state.name === "running") unlessReaped(() => exec.signal(SIGKILL));
    }
  }

  /** Releases the stdio of all execs. */
  async release(): Promise<void> {
    await Promise.all(Array.from(this.#execs.values(), (exec) => exec.release()));
  }
}

function isUnstarted({ state: { name } }: Exec): boolean {
  return name === "created" || name === "starting";
}

function describeExec({ execId, state }: Exec): ExecState[] {
  if (!("pid" in state)) return [];
  const exit = "exit" in state ? exitOf(state.exit) : {};
  return [{ execId, pid: state.pid, status: state.name, ...exit }];
}
