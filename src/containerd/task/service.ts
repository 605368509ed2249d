// SPDX-License-Identifier: MIT
import { SIGKILL } from "../../linux/process/signals.ts";
import { messageOf } from "../../error_text.ts";
import { untilAborted } from "../../until_aborted.ts";
import {
  AlreadyExistsError,
  InvalidParamsError,
  RuntimeError,
  UnavailableError,
} from "../../rpc/errors.ts";
import { RuncCheckpointOptions } from "../messages/options.ts";
import {
  CheckpointTaskRequest,
  CloseIoRequest,
  ConnectResponse,
  ContainerRequest,
  CreateRequest,
  DeleteResponse,
  ExecProcessRequest,
  KillRequest,
  PidResponse,
  PidsResponse,
  ProcessDetails,
  ProcessRequest,
  ResizeRequest,
  ShutdownRequest,
  StateResponse,
  StatsResponse,
  STATUS,
  UpdateRequest,
  WaitResponse,
} from "../messages/task.ts";
import { Empty } from "../messages/types.ts";
import { RequestBudget } from "../request_budget.ts";
import { decode, encode } from "../protobuf/codec.ts";
import type { Decoded, Encodable } from "../protobuf/fields.ts";
import { readMetrics } from "../stats/metrics.ts";
import type { TtrpcHandler, TtrpcRouter } from "../ttrpc/server.ts";
import { checkpoint } from "./checkpoint.ts";
import { TaskContainer } from "./container.ts";
import type { TaskContext } from "./context.ts";
import { notCreated, toTtrpcError } from "./ttrpc_errors.ts";
import { handler, jsonOf, valueOf, waiting } from "./handler.ts";
import { stateOf } from "./state.ts";
import { timestampOf } from "../messages/time.ts";

/** The names of the service; its messages are the same in both versions. */
const SERVICES: readonly string[] = ["containerd.task.v2.Task", "containerd.task.v3.Task"];

/** The form of an exec's id, which is part of the names of files. */
const EXEC_ID = /^[A-Za-z0-9][\w.-]{0,127}$/;

/** The parts that the containers of a shim share, and listeners for starts and the shutdown. */
export interface TaskServiceOptions extends TaskContext {
  /** Called when a container was started. */
  readonly onStarted: () => void;
  /** Called by a shutdown, when there is no container any more. */
  readonly onShutdown: () => void;
  /** Called when a create has ended, or a container is deleted: there may be none any more. */
  readonly onLeft: () => void;
}

/** containerd's Task service for the containers of one shim. */
export class TaskService {
  readonly #options: TaskServiceOptions;
  readonly #containers = new Map<string, TaskContainer>();
  /** Containers that are being created, each with what resolves when that is over. */
  readonly #creating = new Map<string, Promise<void>>();
  /** Those of them whose client has given up: it has asked for their delete. */
  readonly #abandoned = new Set<string>();
  /** Whether a shutdown was asked for while a container was created. */
  #shutdownAsked = false;
  readonly #budget = new RequestBudget();
  #refusing = false;
  readonly #methods: ReadonlyMap<string, TtrpcHandler>;

  constructor(options: TaskServiceOptions) {
    this.#options = options;
    const handlers = Object.entries(this.#handlers());
    // An exec is counted by itself, for longer.
    this.#methods = new Map(
      handlers.map(([name, one]) => [name, name === "Exec" ? one : this.#counted(one)]),
    );
  }

  /** Whether it has a container, or is about to. */
  get busy(): boolean {
    return this.#containers.size > 0 || this.#creating.size > 0;
  }

  /** Refuses new containers from now on: nobody could reach a shim whose socket is gone. */
  refuse(): void {
    this.#refusing = true;
  }

  /** Finds the handler of a method, by both names of the service. */
  readonly router: TtrpcRouter = (service, name) =>
    SERVICES.includes(service) ? this.#methods.get(name) : undefined;

  /** Counts what each call takes until the handler has ended. */
  #counted(handler: TtrpcHandler): TtrpcHandler {
    const counted = async (payload: Uint8Array, signal: AbortSignal) => {
      using _held = this.#holdCall(payload);
      return await handler(payload, signal);
    };
    return Object.assign(counted, { waits: handler.waits === true });
  }

  #holdCall(payload: Uint8Array): Disposable {
    try {
      return this.#budget.holdCall(payload);
    } catch (error) {
      throw toTtrpcError(error);
    }
  }

  #get(id: string): TaskContainer {
    const container = this.#containers.get(id);
    if (container === undefined) throw notCreated(id);
    return container;
  }

  /**
   * Returns a container; waits for the end of its create. A client whose stdin ends during the create
   * looks for the task, to close its stdin, and does not look again.
   */
  async #whenCreated(id: string, signal: AbortSignal): Promise<TaskContainer> {
    const creating = this.#creating.get(id);
    if (creating !== undefined) await untilAborted(creating, signal);
    return this.#get(id);
  }

  #handlers(): Record<string, TtrpcHandler> {
    return {
      State: waiting(
        handler(
          ProcessRequest,
          StateResponse,
          async ({ id, exec_id }, signal) => stateOf(await this.#whenCreated(id, signal), exec_id),
        ),
      ),
      Create: handler(CreateRequest, PidResponse, (request) => this.#create(request)),
      Start: handler(ProcessRequest, PidResponse, ({ id, exec_id }) => this.#start(id, exec_id)),
      Delete: handler(
        ProcessRequest,
        DeleteResponse,
        ({ id, exec_id }) => this.#delete(id, exec_id),
      ),
      Pids: handler(ContainerRequest, PidsResponse, ({ id }) => this.#pids(id)),
      Pause: handler(ContainerRequest, Empty, ({ id }) => this.#get(id).service.pause()),
      Resume: handler(ContainerRequest, Empty, ({ id }) => this.#get(id).service.resume()),
      Checkpoint: handler(
        CheckpointTaskRequest,
        Empty,
        ({ id, path, options }) =>
          checkpoint(this.#get(id), path, decode(RuncCheckpointOptions, valueOf(options))),
      ),
      Kill: handler(KillRequest, Empty, (request) => this.#kill(request)),
      Exec: handler(ExecProcessRequest, Empty, (request) => this.#exec(request)),
      ResizePty: handler(ResizeRequest, Empty, (request) => this.#resize(request)),
      CloseIO: waiting(
        handler(CloseIoRequest, Empty, async ({ id, exec_id, stdin }, signal) => {
          const container = await this.#whenCreated(id, signal);
          if (stdin) container.closeStdin(exec_id);
        }),
      ),
      Update: handler(
        UpdateRequest,
        Empty,
        ({ id, resources }) => this.#get(id).service.update(jsonOf("resources", resources)),
      ),
      Wait: waiting(
        handler(ProcessRequest, WaitResponse, async ({ id, exec_id }, signal) => {
          const { service } = this.#get(id);
          const { exitStatus, exitedAt } = await service.processes.wait(target(exec_id), signal);
          return { exit_status: exitStatus, exited_at: timestampOf(exitedAt) };
        }),
      ),
      Stats: handler(ContainerRequest, StatsResponse, ({ id }) => ({
        stats: readMetrics(this.#get(id).cgroup),
      })),
      Connect: handler(ContainerRequest, ConnectResponse, ({ id }) => ({
        shim_pid: Deno.pid,
        task_pid: this.#containers.get(id)?.service.state().pid ?? 0,
      })),
      Shutdown: handler(ShutdownRequest, Empty, () => {
        if (this.busy) this.#shutdownAsked = this.#creating.size > 0;
        else this.#options.onShutdown();
      }),
    };
  }

  async #create(request: Decoded<typeof CreateRequest>): Promise<Encodable<typeof PidResponse>> {
    const { id } = request;
    if (this.#containers.has(id) || this.#creating.has(id)) {
      throw new AlreadyExistsError(`container ${id} exists already`, { data: { id } });
    }
    if (this.#refusing) throw new UnavailableError("the shim ends and takes no more containers");
    const { promise: created, resolve: onCreated } = Promise.withResolvers<void>();
    this.#creating.set(id, created);
    try {
      const { container, pid } = await saying(
        "create",
        TaskContainer.create(this.#options, request),
      );
      this.#containers.set(id, container);
      if (this.#abandoned.has(id)) {
        await this.#deleteAbandoned(id);
        throw notCreated(id);
      }
      this.#shutdownAsked = false;
      return { pid };
    } finally {
      this.#creating.delete(id);
      this.#abandoned.delete(id);
      onCreated();
      const isShutdownDue = this.#shutdownAsked && !this.busy;
      if (this.#creating.size === 0) this.#shutdownAsked = false;
      if (isShutdownDue) this.#options.onShutdown();
      else this.#options.onLeft();
    }
  }

  /**
   * Deletes a container whose client was told that there is none, as nobody else does. Of one that cannot
   * be deleted the rest is left to the program `delete`: the shim would stay with it for good.
   */
  async #deleteAbandoned(id: string): Promise<void> {
    try {
      await this.#delete(id, "");
    } catch (error) {
      const message = `deleting a container that nobody waits for: ${messageOf(error)}`;
      this.#options.log("warning", message, { id });
      this.#containers.delete(id);
    }
  }

  async #start(id: string, execId: string): Promise<Encodable<typeof PidResponse>> {
    const container = this.#get(id);
    if (execId !== "") return await saying("exec", container.startExec(execId));
    const { pid } = await saying("start", container.service.start());
    container.watchOom();
    this.#options.onStarted();
    return { pid };
  }

  async #delete(id: string, execId: string): Promise<Encodable<typeof DeleteResponse>> {
    if (execId === "" && !this.#containers.has(id) && this.#creating.has(id)) {
      this.#abandoned.add(id);
    }
    const container = this.#get(id);
    const { pid, exitStatus, exitedAt } = await container.delete(target(execId).execId);
    if (execId === "") {
      this.#containers.delete(id);
      this.#options.onLeft();
    }
    return { pid, exit_status: exitStatus, exited_at: timestampOf(exitedAt) };
  }

  async #kill({ id, exec_id, signal, all }: Decoded<typeof KillRequest>): Promise<void> {
    const container = this.#get(id);
    // Signal 0 only asks whether the process is there (kill(2)).
    if (signal === 0 && stateOf(container, exec_id).status !== STATUS.stopped) return;
    const number = signal === 0 ? SIGKILL : signal;
    await container.service.processes.kill({ ...target(exec_id), signal: number, all });
  }

  #pids(id: string): Encodable<typeof PidsResponse> {
    const container = this.#get(id);
    // containerd 1.7 to 2.2 asks when it is back, and deletes a task without a process unheard.
    if (container.exitIsQueued) return { processes: [{ pid: container.service.state().pid }] };
    const { processes } = container.service.processes.pids();
    return {
      processes: processes.map(({ pid, execId }) => {
        if (execId === undefined) return { pid };
        const value = encode(ProcessDetails, { exec_id: execId });
        return { pid, info: { type_url: "containerd.runc.v1.ProcessDetails", value } };
      }),
    };
  }

  #exec(request: Decoded<typeof ExecProcessRequest>): void {
    const { id, exec_id: execId, spec } = request;
    const container = this.#get(id);
    if (!EXEC_ID.test(execId)) {
      const message = "is not an id";
      throw new InvalidParamsError(`exec_id ${message}`, [{ path: "exec_id", message }]);
    }
    const held = this.#budget.holdExec(request);
    try {
      container.addExec(request, jsonOf("spec", spec), held);
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
  }

  #resize({ id, exec_id, width, height }: Decoded<typeof ResizeRequest>): void {
    this.#get(id).resize(exec_id, { width, height });
  }
}

/** Makes an error of the runtime begin as with runc's shim, which people and scripts look for. */
async function saying<T>(what: "create" | "start" | "exec", call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const { criuLog, runtimeMessage = error.message } = error.data;
    // Of a restore the message has what CRIU says, and the runtime's only where that can be read.
    const message = criuLog === undefined ? runtimeMessage : error.message;
    throw new RuntimeError(`OCI runtime ${what} failed: ${message}`, { cause: error });
  }
}

function target(execId: string): { readonly execId: string | undefined } {
  return { execId: execId === "" ? undefined : execId };
}
