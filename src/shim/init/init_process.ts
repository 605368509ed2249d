// SPDX-License-Identifier: MIT
import { failpoint } from "../../failpoint.ts";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import { processStat } from "../../linux/process/stat.ts";
import { kill } from "../../linux/process/process.ts";
import { execFifoPath, releaseExecFifo } from "../../oci/driver/exec_fifo.ts";
import type { OciCheckpointOptions } from "../../oci/driver/call_options.ts";
import { keepMount } from "../../oci/driver/keep_mount.ts";
import { neverRan } from "../../oci/driver/runtime_state.ts";
import { reserveExitRecord } from "../../oci/exit_record.ts";
import { BerthError, FailedPreconditionError } from "../../rpc/errors.ts";
import type { ProcessExit } from "../../oci/process_exit.ts";
import { prepareCheckpoint } from "../checkpoint/checkpoint.ts";
import { adoptStdio, openStdio } from "../open_stdio.ts";
import type { AdoptedProcess } from "../process/adopted_process.ts";
import type { ProcessContext } from "../process/process_context.ts";
import type { ProcessHandle } from "../process/signal.ts";
import { checkDev, mountRootfs, unmountRootfs } from "../rootfs.ts";
import type { InitEvent, InitRequest, InitState } from "../states/init_states.ts";
import { accepts, INIT_LIFECYCLE, wrongState } from "../states/init_states.ts";
import { StateMachine } from "../states/state_machine.ts";
import type { OpenStdioOptions, Stdio } from "../stdio/stdio.ts";
import { deleteByRuntime } from "./delete_by_runtime.ts";
import { pauseByRuntime } from "./freeze.ts";
import { giveUpAfterEnd } from "./give_up_after_end.ts";
import { makeInit, restoreInit } from "./make_init.ts";
import { recoverInit } from "./recover_init.ts";
import { rollbackCreate } from "./rollback_create.ts";
import { startByRuntime } from "./start_by_runtime.ts";

/**
 * A container and its init process: makes and removes what it consists of, and knows its state. Callers
 * hold the container's lock.
 */
export class InitProcess {
  readonly #context: ProcessContext;
  readonly #machine: StateMachine<InitState, InitEvent>;
  #io: Stdio | undefined;
  #adopted: AdoptedProcess | undefined;
  readonly #ended = new AbortController();
  #startedDirectly = false;

  constructor(context: ProcessContext) {
    this.#context = context;
    const { record, log } = context;
    this.#machine = new StateMachine(INIT_LIFECYCLE, `container ${record.id}`, log);
  }

  /** The current state. */
  get state(): InitState {
    return this.#machine.state;
  }

  /** Init's pid; 0 where there is none yet. */
  get pid(): number {
    return "pid" in this.state ? this.state.pid : 0;
  }

  /** When the process was started, RFC 3339; undefined if it was not, or by another shim. */
  get startedAt(): string | undefined {
    return "startedAt" in this.state ? this.state.startedAt : undefined;
  }

  /** Its input and output, until it is deleted. */
  get io(): Stdio | undefined {
    return this.#io;
  }

  /** Whether it was started by runc's own FIFO: whatever its name, the runtime is runc then. */
  get startedDirectly(): boolean {
    return this.#startedDirectly;
  }

  get #stdioOptions(): OpenStdioOptions {
    const { record, paths: { dir }, poller, log: report } = this.#context;
    const { stdio, log } = record;
    const owner = record.stdioOwner ?? record.mappedRoot;
    return { dir, name: "init", stdio, log, owner, poller, report };
  }

  /** @throws {FailedPreconditionError} if `request` is not accepted in the current state. */
  check(request: InitRequest): void {
    const { name } = this.state;
    const what = request === "exec" ? "exec in" : request;
    if (!accepts(name, request)) throw wrongState(this.#context.record.id, what, name);
  }

  /**
   * Mounts the rootfs and creates the container. Returns a handle on the exit of init, which may have
   * happened already; undefined for a container that a restore will start. On failure nothing is left.
   */
  async create(): Promise<ProcessHandle | undefined> {
    const { record, paths } = this.#context;
    this.check("create");
    this.#machine.transition({ type: "create" });
    // Init can die before its pid is known.
    using kept = this.#context.reaper.bufferUnclaimedExits();
    try {
      failpoint("shim.create.reserve");
      reserveExitRecord(paths.exitRecord);
      failpoint("shim.create.mount");
      await mountRootfs(this.#context);
      checkDev(this.#context);
      failpoint("shim.create.stdio");
      this.#io = await openStdio(this.#stdioOptions);
      if (record.checkpoint !== undefined) {
        this.#machine.transition({ type: "created", pid: 0 });
        return undefined;
      }
      failpoint("shim.create.runtime");
      const { pid, handle } = await makeInit(this.#context, this.#io, kept);
      failpoint("shim.create.created");
      this.#machine.transition({ type: "created", pid });
      return handle;
    } catch (error) {
      const undone = await rollbackCreate(this.#context, { own: true, cause: error, io: this.#io });
      this.#io = undefined;
      this.#machine.transition({ type: "create-failed" });
      if (!undone && error instanceof BerthError) error.data["undone"] = false;
      throw error;
    }
  }

  /**
   * Takes over the container of a dead shim. Returns how init has ended, or a handle on its exit.
   * Rolls back an interrupted create.
   */
  async adopt(): Promise<{ readonly exit?: ProcessExit; readonly watched?: ProcessHandle }> {
    const found = await recoverInit(this.#context);
    switch (found.name) {
      case "none":
        await this.#undoAdopted();
        return {};
      case "restorable":
        this.#io = await openStdio(this.#stdioOptions);
        this.#replay({ type: "created", pid: 0 });
        return {};
      case "stopped":
        this.#io = await adoptStdio(this.#stdioOptions, false);
        // It becomes stopped when its exit is handled.
        this.#replay({ type: "created", pid: found.pid });
        return { exit: found.exit };
      case "created":
      case "running":
      case "paused":
        this.#io = await adoptStdio(this.#stdioOptions, true);
        this.#replay({ type: "created", pid: found.pid });
        if (found.name !== "created") this.#machine.transition({ type: "started" });
        if (found.name === "paused") this.#machine.transition({ type: "paused" });
        return { watched: this.#watchAdopted(found.pid, found.process) };
    }
  }

  /** Repeats the transitions that a dead shim has made. */
  #replay(created: InitEvent & { readonly type: "created" }): void {
    this.#machine.transition({ type: "create" });
    this.#machine.transition(created);
  }

  async #undoAdopted(): Promise<void> {
    if (await rollbackCreate(this.#context, { own: false })) return;
    const { id } = this.#context.record;
    throw new FailedPreconditionError(
      `container ${id}: what is left of its create cannot be removed yet`,
      { data: { id } },
    );
  }

  #watchAdopted(pid: number, process: AdoptedProcess): ProcessHandle {
    // As the child of another process it is reaped by that one.
    if (processStat(pid)?.parent !== Deno.pid) {
      this.#adopted = process;
      return process;
    }
    process[Symbol.dispose]();
    return { exited: this.#context.reaper.watch(pid) };
  }

  /**
   * Signals init while it lives.
   *
   * @throws {LinuxError} ESRCH if it has been reaped, which is about to be handled.
   */
  signal(signal: number): void {
    if (this.#adopted !== undefined) this.#adopted.signal(signal);
    // The kernel cannot give this pid to another process: it is a child of this one, not reaped yet.
    else kill(this.pid, signal);
  }

  /**
   * Starts the process. For a restore, returns a handle on the exit of the restored init, which is
   * not watched yet. `signal` gives up; see {@linkcode startByRuntime}.
   */
  async start(signal?: AbortSignal): Promise<ProcessHandle | undefined> {
    this.check("start");
    const { record } = this.#context;
    let watched: ProcessHandle | undefined;
    if (record.checkpoint !== undefined) watched = await this.#restore(record.checkpoint);
    else {
      this.#startedDirectly = await this.#startDirectly();
      if (!this.#startedDirectly) {
        await startByRuntime(this.#context, { ended: this.#ended.signal, signal });
      }
      // It can have ended while the runtime was still on its way back. An exit that has been reaped is
      // handled in microtasks, after which the next turn comes.
      await yieldToEventLoop();
    }
    const now = new Date().toISOString();
    const { exitedAt = now } = "exit" in this.state ? this.state.exit : {};
    this.#machine.transition({ type: "started", startedAt: exitedAt < now ? exitedAt : now });
    return watched;
  }

  /** Starts it without the runtime. Returns false if that is not configured, or did not work. */
  async #startDirectly(): Promise<boolean> {
    const { record, poller, reserve, log } = this.#context;
    if (record.directStart !== true) return false;
    const path = execFifoPath(record.runtimeRoot, record.id);
    const { pid } = this;
    return await releaseExecFifo({ path, pid, poller, reserve, ended: this.#ended.signal, log });
  }

  async #restore(imagePath: string): Promise<ProcessHandle> {
    const io = this.#io;
    if (io === undefined) throw wrongState(this.#context.record.id, "restore", this.state.name);
    const { pid, handle } = await restoreInit(this.#context, io, imagePath);
    this.#machine.transition({ type: "restored", pid });
    return handle;
  }

  /** Writes a checkpoint of the container; `pids` are its processes. */
  async checkpoint(
    pids: readonly number[],
    options: Omit<OciCheckpointOptions, "id">,
  ): Promise<void> {
    const { record: { id }, runtime, log } = this.#context;
    const initFirst = [this.pid, ...pids.filter((pid) => pid !== this.pid)];
    prepareCheckpoint(this.#context, initFirst, options.imagePath);
    const criuConfig = this.#context.paths.criuExtra;
    // Of a container that has ended there is nothing to write but what a checkpoint that ends it has.
    const giveUp = new AbortController();
    using _timer = giveUpAfterEnd(this.#ended.signal, giveUp);
    const { signal } = giveUp;
    await keepMount(() => runtime.checkpoint({ ...options, id, signal, criuConfig }), log);
  }

  /** Freezes every process of the container; the caller records that with {@linkcode setFrozen}. */
  async pause(): Promise<void> {
    this.check("pause");
    await pauseByRuntime(this.#context);
  }

  /** Thaws the container; the caller records that with {@linkcode setFrozen}. */
  async resume(): Promise<void> {
    this.check("resume");
    await this.#context.runtime.resume(this.#context.record.id);
  }

  /**
   * Records whether the container is frozen. Returns whether that has changed its state, as it has
   * not where it was known, or once the container has stopped.
   */
  setFrozen(frozen: boolean): boolean {
    if (this.state.name !== (frozen ? "running" : "paused")) return false;
    this.#machine.transition({ type: frozen ? "paused" : "resumed" });
    return true;
  }

  /** Records the exit of init. */
  recordExit(exit: ProcessExit): void {
    this.#machine.transition({ type: "exited", exit });
    this.#ended.abort();
  }

  /**
   * Closes the shim's ends of the stdio, so that its readers see the end. No process of the
   * container may be left: one that has an output FIFO open passes for a reader, and takes what
   * was not read with it.
   */
  releaseStdio(): void {
    try {
      this.#io?.onExit();
    } catch (error) {
      // The exit is published whatever happens to its stdio.
      this.#context.log(`stdio of the ended process ${this.pid}: ${error}`);
    }
  }

  /**
   * Removes the stopped container from the OCI runtime and unmounts its rootfs. One that failed can
   * be repeated.
   */
  async delete(): Promise<void> {
    const { record, paths } = this.#context;
    failpoint("shim.delete.runtime");
    try {
      await deleteByRuntime(this.#context);
    } catch (error) {
      // As of a container to be restored, for which no runtime is run before its start.
      if (!neverRan(error, record, paths)) throw error;
    }
    failpoint("shim.delete.unmount");
    await unmountRootfs(this.#context);
    failpoint("shim.delete.stdio");
    await this.#io?.close();
    this.#io = undefined;
    failpoint("shim.delete.deleted");
    this.#machine.transition({ type: "deleted" });
  }

  /** Releases its stdio without touching the container. */
  async release(): Promise<void> {
    this.#adopted?.[Symbol.dispose]();
    await this.#io?.close();
    this.#io = undefined;
  }
}
