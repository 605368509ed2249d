// SPDX-License-Identifier: MIT
import { processesOf, processName } from "../../tests/harness/processes.ts";
import type { JsonObject } from "../../tests/harness/rootfs.ts";
import { baseName } from "../../tests/harness/run.ts";
import { ContainerdDaemon } from "./containerd_daemon.ts";
import type { Caller, DaemonEngine, EngineContainerOptions, EngineName } from "./engine.ts";
import { decode, encode, GrpcConnection } from "./grpc.ts";
import type { Message } from "./grpc.ts";

const RUNTIME = "io.containerd.runc.v2";
/** Matches the command lines of this runtime's shims. */
const SHIM = /containerd-shim-runc-v2/;
/** The annotation by which this runtime puts containers into one shim. */
const GROUP = "io.containerd.runc.v2.group";
/** RUNNING in containerd's enum of task states. */
const RUNNING = 2;

/** One of containerd's runtimes. */
export interface ContainerdRuntime {
  /** The column that its figures are listed in. */
  readonly engine: EngineName;
  /** Its name for containerd. */
  readonly runtime: string;
  /** Matches the command lines of its shims. */
  readonly shim: RegExp;
}

/** A containerd of its own, driven over its gRPC API. */
export class Containerd implements DaemonEngine, AsyncDisposable {
  readonly name: EngineName;
  readonly #daemon: ContainerdDaemon;
  readonly #runtime: ContainerdRuntime;
  readonly #options: Message;
  readonly #processes = new Map<string, unknown>();
  #connection: GrpcConnection;
  #version = "";

  private constructor(daemon: ContainerdDaemon, options: Message, runtime: ContainerdRuntime) {
    this.name = runtime.engine;
    this.#daemon = daemon;
    this.#runtime = runtime;
    this.#connection = new GrpcConnection(daemon.socket);
    this.#options = options;
  }

  /**
   * Starts one in `dir`, which is made, with its state directory at `state`, to use the runc at path
   * `runc`.
   *
   * @param env what its environment has beside this process's own.
   */
  static async start(
    dir: string,
    state: string,
    runc: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Containerd> {
    const daemon = await ContainerdDaemon.start(dir, state, env);
    try {
      const options = any("containerd.runc.v1.Options", {
        type: "RuncOptions",
        message: { binary_name: runc, root: `${state}/runc` },
      });
      const runtime: ContainerdRuntime = { engine: "containerd", runtime: RUNTIME, shim: SHIM };
      const engine = new Containerd(daemon, options, runtime);
      const { version } = await engine.#connection.call("Version", "Version", {});
      engine.#version = `containerd ${version}`;
      return engine;
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Returns the same containerd with another runtime; both are disposed of together. */
  with(runtime: ContainerdRuntime): Containerd {
    const engine = new Containerd(this.#daemon, this.#options, runtime);
    engine.#version = this.#version;
    return engine;
  }

  get version(): string {
    return this.#version;
  }

  get socket(): string {
    return this.#daemon.socket;
  }

  get daemonPid(): number {
    return this.#daemon.pid;
  }

  async create(
    id: string,
    spec: JsonObject,
    options: EngineContainerOptions = {},
  ): Promise<number> {
    const { log, group } = options;
    const file = log === undefined ? "" : `file://${log}`;
    const { stdout = file, stderr = file } = options;
    const whole = group === undefined ? spec : { ...spec, annotations: { [GROUP]: group } };
    this.#processes.set(id, spec["process"]);
    await this.#connection.call("Containers", "Create", {
      container: {
        id,
        runtime: { name: this.#runtime.runtime, options: this.#options },
        spec: json("types.containerd.io/opencontainers/runtime-spec/1/Spec", whole),
      },
    });
    const { pid } = await this.#connection.call("Tasks", "Create", {
      container_id: id,
      stdout,
      stderr,
      options: this.#options,
    });
    return Number(pid);
  }

  async start(id: string): Promise<void> {
    await this.#connection.call("Tasks", "Start", { container_id: id });
  }

  async wait(id: string): Promise<void> {
    await this.#connection.call("Tasks", "Wait", { container_id: id });
  }

  async delete(id: string): Promise<void> {
    await this.#connection.call("Tasks", "Delete", { container_id: id });
    await this.#connection.call("Containers", "Delete", { id });
    this.#processes.delete(id);
  }

  async exec(id: string, execId: string, args: readonly string[]): Promise<void> {
    const process = this.#processes.get(id);
    if (typeof process !== "object") throw new Error(`exec in ${id}: no such container`);
    const target = { container_id: id, exec_id: execId };
    await this.#connection.call("Tasks", "Exec", {
      ...target,
      spec: json("types.containerd.io/opencontainers/runtime-spec/1/Process", { ...process, args }),
    });
    const exited = this.#connection.call("Tasks", "Wait", target);
    await this.#connection.call("Tasks", "Start", target);
    await exited;
  }

  async deleteExec(id: string, execId: string): Promise<void> {
    await this.#connection.call("Tasks", "DeleteProcess", { container_id: id, exec_id: execId });
  }

  async kill(id: string, signal: number): Promise<void> {
    await this.#connection.call("Tasks", "Kill", { container_id: id, signal });
  }

  shimPids(): Promise<readonly number[]> {
    return Promise.resolve(
      processesOf(baseName(this.#daemon.dir))
        .filter(({ command, state }) => state !== "Z" && this.#runtime.shim.test(command))
        .filter(({ pid }) => processName(pid) !== "berth-waiting")
        .map(({ pid }) => pid),
    );
  }

  idleShimPids(): Promise<readonly number[]> {
    return Promise.resolve([]);
  }

  async crash(): Promise<void> {
    this.#connection[Symbol.dispose]();
    await this.#daemon.end("SIGKILL");
  }

  async restart(): Promise<void> {
    await this.#daemon.spawn();
    this.#connection = new GrpcConnection(this.#daemon.socket);
  }

  async running(): Promise<readonly string[]> {
    const { tasks } = await this.#connection.call("Tasks", "List", {});
    if (!Array.isArray(tasks)) throw new TypeError("Tasks.List: no list");
    return tasks.filter(({ status }) => status === RUNNING).map(({ id }) => String(id));
  }

  async connect(): Promise<Caller> {
    const connection = new GrpcConnection(this.#daemon.socket);
    await connection.call("Version", "Version", {});
    return {
      call: async () => void await connection.call("Version", "Version", {}),
      [Symbol.dispose]: () => connection[Symbol.dispose](),
    };
  }

  async subscribe(onExit: (id: string) => void): Promise<Disposable> {
    const request = { filters: ['topic=="/tasks/exit"'] };
    const stream = this.#connection.stream("Events", "Subscribe", request, ({ event }) => {
      if (typeof event !== "object" || event === null || !("value" in event)) return;
      if (!(event.value instanceof Uint8Array)) return;
      const exit = decode("TaskExit", event.value);
      // The init process's id is the container's.
      if (exit["id"] === exit["container_id"]) onExit(String(exit["id"]));
    });
    // The server says nothing before the first event; what follows on the connection comes after it.
    await this.#connection.call("Version", "Version", {});
    return stream;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection[Symbol.dispose]();
    await this.#daemon[Symbol.asyncDispose]();
  }
}

function any(url: string, { type, message }: { type: string; message: Message }): Message {
  return { type_url: url, value: encode(type, message) };
}

function json(url: string, value: unknown): Message {
  return { type_url: url, value: new TextEncoder().encode(JSON.stringify(value)) };
}
