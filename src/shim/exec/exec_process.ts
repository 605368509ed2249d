// SPDX-License-Identifier: MIT
import { kill } from "../../linux/process/process.ts";
import type { StdioPaths } from "../../oci/bundle_layout.ts";
import { readJson } from "../../oci/json_file.ts";
import type { OciExecOptions } from "../../oci/driver/call_options.ts";
import { mergeProcess } from "../../oci/spec/process_spec.ts";
import type { AdoptedProcess } from "../process/adopted_process.ts";
import type { ExecRecord } from "./exec_record.ts";
import { ExitFuture } from "../exit/exit_future.ts";
import type { ProcessExit } from "../../oci/process_exit.ts";
import type { DeleteResult } from "../../rpc/contract/schemas.ts";
import { stringifyJson } from "../../rpc/json.ts";
import { adoptStdio, openStdio } from "../open_stdio.ts";
import { killUnlessExited } from "../process/signal.ts";
import type { ProcessHandle } from "../process/signal.ts";
import type { ExecEvent, ExecProcessState } from "../states/exec_states.ts";
import { EXEC_LIFECYCLE, wrongExecState } from "../states/exec_states.ts";
import { StateMachine } from "../states/state_machine.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { claimProcess } from "../process/claim_process.ts";
import type { ProcessContext } from "../process/process_context.ts";
import type { OpenStdioOptions, Stdio } from "../stdio/stdio.ts";
import { stdioOptions } from "../stdio/stdio.ts";
import { WaitingRuntime } from "./waiting_runtime.ts";

/** A request to run a process in a container. */
export interface ExecRequest {
  readonly execId: string;
  /** The OCI process; missing members come from the container's own process. */
  readonly process: Readonly<Record<string, unknown>>;
  readonly stdio: StdioPaths;
  /** Whether `process` is all that the process is to be, so that nothing comes from the container's. */
  readonly complete?: boolean;
}

/** How an exec that was never started ends. */
const NEVER_STARTED: ProcessExit = { exitStatus: 0, exitedAt: "" };

/** An additional process of a container. Callers serialize its start with changes of the container. */
export class Exec {
  readonly execId: string;
  /** Where its input and output are to go. */
  readonly stdio: StdioPaths;
  /** Its published exit. */
  readonly exit = new ExitFuture();
  readonly #context: ProcessContext;
  /** What it is to be; dropped once it runs, for it can be large. */
  #spec: Pick<ExecRequest, "process" | "complete">;
  readonly #machine: StateMachine<ExecProcessState, ExecEvent>;
  #io: Stdio | undefined;
  #startedAt = "";
  #adopted: AdoptedProcess | undefined;
  #waiting: WaitingRuntime | undefined;
  /** Files of its start that are yet to be removed. */
  readonly #files: string[] = [];

  constructor(context: ProcessContext, request: ExecRequest) {
    const { execId, stdio, process, complete = false } = request;
    this.#context = context;
    this.execId = execId;
    this.stdio = stdio;
    this.#spec = { process, complete };
    const { record, log } = context;
    const subject = `exec ${execId} of container ${record.id}`;
    this.#machine = new StateMachine(EXEC_LIFECYCLE, subject, log);
  }

  /** The current state. */
  get state(): ExecProcessState {
    return this.#machine.state;
  }

  /** Its pid; 0 before it has one. */
  get pid(): number {
    return "pid" in this.state ? this.state.pid : 0;
  }

  /** When it was started, RFC 3339; empty before. */
  get startedAt(): string {
    return this.#startedAt;
  }

  /** Its input and output, until it is deleted. */
  get io(): Stdio | undefined {
    return this.#io;
  }

  /**
   * Starts it in the running container. Returns a handle on its exit, which may have happened
   * already. One that could not be started is as it was before.
   *
   * @throws {FailedPreconditionError} if it was started before.
   */
  async start(): Promise<ProcessHandle> {
    if (this.state.name !== "created") {
      throw wrongExecState(this.#context.record.id, this.execId, "start", this.state.name);
    }
    this.#machine.transition({ type: "start" });
    try {
      this.#io ??= await openStdio(this.#stdioOptions(this.stdio));
      return await this.#run(this.#io);
    } catch (error) {
      this.dropStart();
      await this.#io?.close();
      this.#io = undefined;
      this.#machine.transition({ type: "start-failed" });
      throw error;
    }
  }

  /** Whether a runtime waits for the start. */
  get isPrepared(): boolean {
    return this.#waiting?.waits ?? false;
  }

  /**
   * Runs the runtime ahead of the start, which is to follow soon and tells of what fails. The runtime has
   * to be runc, and there must be no terminal.
   */
  async prepare(): Promise<void> {
    let io: Stdio;
    try {
      io = await openStdio(this.#stdioOptions(this.stdio));
    } catch {
      // The start tries again.
      return;
    }
    if (this.state.name !== "created") return await io.close();
    this.#io = io;
    const process = this.#process();
    const processFile = "/proc/self/fd/3";
    this.#waiting = new WaitingRuntime(
      stringifyJson(process),
      (fd, signal) => this.#callRuntime(io, process, { processFile, fds: [fd], signal }),
    );
  }

  /** Drops what is needed for a start alone, be it over or not to come any more. */
  dropStart(): void {
    this.#waiting?.giveUp();
    this.#waiting = undefined;
    // One that remains does no harm, and the process may be running.
    for (const path of this.#files.splice(0)) {
      try {
        removeFile(path);
      } catch (error) {
        this.#context.log(`cannot remove ${path}: ${error}`);
      }
    }
  }

  #path(extension: string): string {
    return `${this.#context.paths.dir}/exec-${this.execId}.${extension}`;
  }

  #stdioOptions(stdio: StdioPaths): OpenStdioOptions {
    const { record, paths: { dir }, poller, log: report } = this.#context;
    const owner = record.stdioOwner ?? record.mappedRoot;
    return { dir, name: `exec-${this.execId}`, stdio, owner, poller, report };
  }

  #process(): Record<string, unknown> {
    const { process, complete } = this.#spec;
    const { terminal } = this.stdio;
    if (complete) return { ...process, terminal };
    const config = readJson<{ process?: Record<string, unknown> }>(this.#context.paths.config);
    return { ...mergeProcess(config?.process ?? {}, process, { terminal }), terminal };
  }

  async #run(io: Stdio): Promise<ProcessHandle> {
    // It can end before its pid is known.
    using kept = this.#context.reaper.bufferUnclaimedExits();
    const pidFile = this.#path("pid");
    this.#files.push(pidFile);
    if (!await this.#waiting?.go()) await this.#callAtStart(io);
    const { pid, handle, startedAt } = claimProcess(this.#context, kept, pidFile);
    this.#startedAt = startedAt;
    try {
      io.onStart();
    } catch (error) {
      // Without its terminal it would be of no use.
      await killUnlessExited(pid, handle);
      throw error;
    }
    this.#machine.transition({ type: "started", pid });
    this.#spec = { process: {} };
    return handle;
  }

  async #callAtStart(io: Stdio): Promise<void> {
    const process = this.#process();
    const processFile = this.#path("json");
    this.#files.push(processFile);
    Deno.writeTextFileSync(processFile, stringifyJson(process), { mode: 0o600 });
    await this.#callRuntime(io, process, { processFile });
  }

  async #callRuntime(
    io: Stdio,
    { oomScoreAdj }: Readonly<Record<string, unknown>>,
    how: Pick<OciExecOptions, "processFile" | "fds" | "signal">,
  ): Promise<void> {
    const { record: { id }, paths: { log }, runtime } = this.#context;
    await runtime.exec({
      id,
      ...how,
      pidFile: this.#path("pid"),
      log,
      oomScoreAdj: typeof oomScoreAdj === "number" ? oomScoreAdj : undefined,
      ...stdioOptions(io),
    });
  }

  /** Takes over what another shim has started; `process` is undefined where it lives no more. */
  async adopt(
    { pid, stdio }: ExecRecord,
    process: AdoptedProcess | undefined,
  ): Promise<void> {
    this.#machine.transition({ type: "start" });
    this.#io = await adoptStdio(this.#stdioOptions(stdio), process !== undefined);
    this.#adopted = process;
    this.#machine.transition({ type: "started", pid });
  }

  /**
   * Signals it while it runs.
   *
   * @throws {LinuxError} ESRCH if it has been reaped, which is about to be handled.
   */
  signal(signal: number): void {
    if (this.#adopted !== undefined) this.#adopted.signal(signal);
    // The kernel cannot give this pid to another process: it is a child of this one, not reaped yet.
    else kill(this.pid, signal);
  }

  /** Records its exit. */
  recordExit(exit: ProcessExit): void {
    this.#machine.transition({ type: "exited", exit });
    try {
      this.#io?.onExit();
    } catch (error) {
      // The exit is published whatever happens to its stdio.
      this.#context.log(`stdio of the ended process ${this.pid}: ${error}`);
    }
  }

  /**
   * Deletes the exec, but for its stdio, and returns how it ended. One that was not started has no pid
   * and status 0, and waiters for its exit are told that.
   *
   * @throws {FailedPreconditionError} if it has not stopped.
   */
  delete(): DeleteResult {
    const { state } = this;
    if (state.name !== "stopped" && state.name !== "created") {
      throw wrongExecState(this.#context.record.id, this.execId, "delete", state.name);
    }
    this.#machine.transition({ type: "deleted" });
    // Another may have the id from now on.
    this.dropStart();
    if (state.name === "stopped") return { pid: state.pid, ...state.exit };
    const exit = { ...NEVER_STARTED, exitedAt: new Date().toISOString() };
    this.exit.resolve(exit);
    return { pid: 0, ...exit };
  }

  /** Releases its stdio. */
  async release(): Promise<void> {
    this.dropStart();
    const io = this.#io;
    this.#io = undefined;
    this.#adopted?.[Symbol.dispose]();
    await io?.close();
  }
}
