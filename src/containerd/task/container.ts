// SPDX-License-Identifier: MIT
import type { Cgroup } from "../../linux/cgroup/cgroup.ts";
import { withTimeout } from "../../linux/event_loop/with_timeout.ts";
import { bundlePaths } from "../../oci/bundle_layout.ts";
import { readJson, writeJsonAtomic } from "../../oci/json_file.ts";
import { messageOf } from "../../error_text.ts";
import type { StdioPaths } from "../../oci/bundle_layout.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { ShimService } from "../../shim/service.ts";
import type { DeleteResult } from "../../rpc/contract/schemas.ts";
import { deleteEvent } from "../events/translate.ts";
import type { CreateRequest, ExecProcessRequest } from "../messages/task.ts";
import type { Decoded } from "../protobuf/fields.ts";
import { removeDeleted, writeDeleted } from "./deleted.ts";
import { BinaryLogger } from "./binary_logger.ts";
import type { LoggerTarget, RequestedIo } from "./io.ts";
import { prepareTargets, taskIo } from "./io.ts";
import type { TaskContext } from "./context.ts";
import { readOptions } from "./options.ts";
import { makeRecord } from "./record.ts";
import { TaskEvents } from "./task_events.ts";
import { notCreated } from "./ttrpc_errors.ts";
import { untilRead } from "./until_read.ts";

/** How long a delete waits for the output to be copied, in milliseconds. */
const COPY_WITHIN = 10_000;

type DecodedCreate = Decoded<typeof CreateRequest>;

/** The stdio of one process as containerd has given it, and the program that logs it. */
interface ProcessIo {
  readonly requested: RequestedIo;
  readonly target: LoggerTarget | undefined;
  /** Where the output of its terminal goes; undefined where it has none. */
  readonly terminal: string | undefined;
  logger?: BinaryLogger;
  /** Requests before the start of an exec, which are done then: nerdctl asks for both. */
  size?: TerminalSize;
  stdinClosed?: true;
  /** What the spec of an exec counts for until its start. */
  readonly held?: Disposable;
}

/** The size of a terminal, in characters. */
interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** The key of init's stdio, which execs have their ids for. */
const INIT = "";

/** One container of a shim: a {@linkcode ShimService}, with loggers and events for containerd. */
export class TaskContainer {
  readonly id: string;
  readonly bundle: string;
  readonly service: ShimService;
  readonly #context: TaskContext;
  /** The stdio of init as containerd has given it. */
  readonly #requested: RequestedIo;
  readonly #events: TaskEvents;
  readonly #io = new Map<string, ProcessIo>();
  #isDeleted = false;
  /** Its cgroup, once it was created; known also when init has exited. */
  #cgroup: Cgroup | undefined;

  private constructor(context: TaskContext, request: DecodedCreate) {
    this.#context = context;
    this.id = request.id;
    this.bundle = request.bundle;
    this.#requested = requestedIo(request);
    const { reaper, poller, reserve, log } = context;
    this.service = new ShimService({
      bundleDir: this.bundle,
      // Where runc's shim runs it: some runtimes read the spec from there.
      runtimeDir: this.bundle,
      adoptable: false,
      reaper,
      poller,
      reserve,
      log: (message) => log("warning", message, { id: this.id }),
    });
    const { id, bundle } = this;
    const { rootfs, checkpoint } = request;
    this.#events = new TaskEvents({
      container: { id, bundle, rootfs, stdio: this.io(INIT), checkpoint },
      context,
      ack: (seq) => this.service.ack(seq),
    });
    this.service.subscribe(0, { event: (event) => this.#events.handle(event) });
  }

  /** Creates the container that a request asks for. On failure nothing is left of it. */
  static async create(
    context: TaskContext,
    request: DecodedCreate,
  ): Promise<{ container: TaskContainer; pid: number }> {
    const paths = bundlePaths(request.bundle);
    const spec = readJson<Record<string, unknown>>(paths.config);
    if (spec === undefined) throw new FailedPreconditionError(`there is no ${paths.config}`);
    removeDeleted(request.bundle);
    const options = await readOptions(request.options);
    const { stdio, logger: target } = taskIo(request, `${request.bundle}/init`);
    Deno.mkdirSync(paths.rootfs, { recursive: true, mode: 0o711 });
    prepareTargets(stdio);
    const { namespace } = context;
    writeJsonAtomic(paths.record, makeRecord({ request, options, stdio, spec, namespace }));
    const container = new TaskContainer(context, request);
    try {
      const io: ProcessIo = {
        requested: container.#requested,
        target,
        terminal: terminalOutput(stdio),
      };
      container.#io.set(INIT, io);
      const logger = await container.#startLogger(io);
      const { pid } = await container.service.create();
      logger?.releaseFifos();
      container.watchOom();
      return { container, pid };
    } catch (error) {
      await container.#endLogger(INIT);
      await container.service.release();
      throw error;
    }
  }

  /** Returns the stdio of a process as containerd has given it; of init where `execId` is empty. */
  io(execId: string): RequestedIo {
    return this.#io.get(execId)?.requested ?? this.#requested;
  }

  async #startLogger(io: ProcessIo): Promise<BinaryLogger | undefined> {
    if (io.target === undefined) return undefined;
    const options = { ...io.target, id: this.id, context: this.#context };
    return io.logger = await BinaryLogger.start(options);
  }

  async #endLogger(execId: string): Promise<void> {
    const io = this.#io.get(execId);
    this.#io.delete(execId);
    io?.held?.[Symbol.dispose]();
    await io?.logger?.end();
  }

  /** Adds an exec that {@linkcode startExec} starts; `held` is disposed when its spec is dropped. */
  addExec(
    request: Decoded<typeof ExecProcessRequest>,
    process: Readonly<Record<string, unknown>>,
    held: Disposable,
  ): void {
    const { exec_id: execId } = request;
    const requested = requestedIo(request);
    const { stdio, logger } = taskIo(request, `${this.bundle}/exec-${execId}`);
    prepareTargets(stdio);
    this.service.addExec({ execId, process, stdio, complete: true });
    const terminal = terminalOutput(stdio);
    this.#io.set(execId, { requested, target: logger, terminal, held });
  }

  /**
   * Sets the size of a process's terminal. That there is none, or none any more, is no error for
   * containerd.
   *
   * @throws {NotFoundError} if there is no such exec.
   */
  resize(execId: string, size: TerminalSize): void {
    const io = this.#io.get(execId);
    if (this.#isUnstarted(execId) && io !== undefined) io.size = size;
    else if (this.io(execId).terminal) {
      try {
        this.service.processes.resizePty({ execId: execId || undefined, ...size });
      } catch (error) {
        if (!(error instanceof FailedPreconditionError)) throw error;
      }
    }
  }

  /**
   * Closes the shim's end of a process's stdin.
   *
   * @throws {NotFoundError} if there is no such exec.
   */
  closeStdin(execId: string): void {
    const io = this.#io.get(execId);
    if (this.#isUnstarted(execId) && io !== undefined) io.stdinClosed = true;
    else this.service.processes.closeStdin({ execId: execId || undefined });
  }

  /** @throws {NotFoundError} if there is no such exec. */
  #isUnstarted(execId: string): boolean {
    if (execId === INIT) return false;
    const { name } = this.service.execState(execId).state;
    return name === "created" || name === "starting";
  }

  /** Starts an exec that was added. One that could not be started can be started again. */
  async startExec(execId: string): Promise<{ pid: number }> {
    const started = await this.#startExec(execId);
    const { size, stdinClosed, held } = this.#io.get(execId) ?? {};
    held?.[Symbol.dispose]();
    if (size !== undefined) this.resize(execId, size);
    if (stdinClosed) this.closeStdin(execId);
    return started;
  }

  async #startExec(execId: string): Promise<{ pid: number }> {
    const io = this.#io.get(execId);
    if (io?.target === undefined || io.logger !== undefined) {
      return await this.service.startExec(execId);
    }
    const logger = await this.#startLogger(io);
    try {
      const started = await this.service.startExec(execId);
      logger?.releaseFifos();
      return started;
    } catch (error) {
      await logger?.end();
      delete io.logger;
      throw error;
    }
  }

  /** Whether init has exited and containerd does not know yet, for instance because it is away. */
  get exitIsQueued(): boolean {
    return this.#events.exitIsQueued;
  }

  /** Its cgroup; undefined where it has none of its own. */
  get cgroup(): Cgroup | undefined {
    return this.#cgroup ??= this.service.cgroup();
  }

  /** Watches for OOM kills, unless that is done: a restored container gets its cgroup at its start. */
  watchOom(): void {
    this.#events.watchOom(() => this.cgroup);
  }

  /** Deletes an exec, or the container once its output was copied. */
  async delete(execId: string | undefined): Promise<DeleteResult> {
    const target = { execId };
    await this.#waitForOutput(target);
    const result = await this.service.delete(target);
    await this.#endLogger(execId ?? INIT);
    if (execId !== undefined) return result;
    // A second call at the same time has the same result, and must not tell of the delete once more.
    if (this.#isDeleted) throw notCreated(this.id);
    this.#isDeleted = true;
    for (const { held } of this.#io.values()) held?.[Symbol.dispose]();
    this.#events[Symbol.dispose]();
    await this.service.release();
    writeDeleted(this.bundle, { ...result, socket: this.#context.socket });
    this.#context.publish(deleteEvent(this.id, result));
    return result;
  }

  async #waitForOutput(target: { execId: string | undefined }): Promise<void> {
    if (!this.#hasExited(target.execId)) return;
    const copied = this.service.processes.waitForOutput(target);
    const { terminal } = this.#io.get(target.execId ?? INIT) ?? {};
    if (!await withTimeout(copied, COPY_WITHIN) || terminal === undefined) return;
    try {
      // Some clients close their FIFO as soon as the delete is answered.
      await untilRead(terminal);
    } catch (error) {
      this.#context.log("warning", `the output is not waited for: ${messageOf(error)}`, {
        id: this.id,
      });
    }
  }

  #hasExited(execId: string | undefined): boolean {
    return execId === undefined
      ? this.service.exitPublished
      : this.service.execState(execId).state.name === "stopped";
  }
}

/** Returns the stdio alone of a request, which holds the whole frame that it came in. */
function requestedIo({ stdin, stdout, stderr, terminal }: RequestedIo): RequestedIo {
  return { stdin, stdout, stderr, terminal };
}

function terminalOutput({ terminal, stdout }: StdioPaths): string | undefined {
  return terminal ? stdout : undefined;
}
