// SPDX-License-Identifier: MIT
import { existsSync } from "node:fs";
import { mkfifo } from "../../../src/linux/fd/fifo.ts";
import {
  ForwardRequest,
  TaskCreate,
  TaskDelete,
  TaskExecStarted,
  TaskExit,
} from "../../../src/containerd/messages/events.ts";
import { BootstrapParams } from "../../../src/containerd/messages/bootstrap.ts";
import { RuncOptions } from "../../../src/containerd/messages/options.ts";
import * as task from "../../../src/containerd/messages/task.ts";
import { Empty } from "../../../src/containerd/messages/types.ts";
import { decode, encode } from "../../../src/containerd/protobuf/codec.ts";
import type { Decoded, Encodable } from "../../../src/containerd/protobuf/fields.ts";
import { serveConnection } from "../../../src/containerd/ttrpc/server.ts";
import { readIfThere } from "../files.ts";
import { until } from "../poll.ts";
import { processesOf, processName } from "../processes.ts";
import { baseName, runCgroup, runDir, uniqueName } from "../run.ts";
import type { JsonObject } from "../rootfs.ts";
import { spec } from "../rootfs.ts";
import { sweep } from "../leaks/sweep.ts";
import { addressIn, feed, installLauncher, installShim } from "./shim_program.ts";
import { TaskClient, type TaskCreateOptions } from "./task_client.ts";

/** The namespace of all containers of these tests. */
const NAMESPACE = "test";

/** An event as a test looks at it: its topic without `/tasks/`, and its fields. */
export interface TaskEvent {
  readonly topic: string;
  readonly id: string;
  readonly execId: string;
  readonly pid: number;
  readonly exitStatus: number;
}

/** How a shim is started, where that is not as the newest containerd does it. */
export interface StartOptions {
  /** Bytes for its stdin; params with a directory for its socket if left out. */
  readonly input?: Uint8Array;
  /** Options of the runtime. */
  readonly options?: Encodable<typeof RuncOptions>;
  /** Another file to call than the program. */
  readonly shim?: string;
}

/** The output of a program, and how it ended. */
export interface Said {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

/** How a {@linkcode StubContainerd} starts berth. */
export interface StubOptions {
  /** Whether the program is called by a link, not by the file made for it. */
  readonly useLink?: boolean;
  /** Whether a process waits to be the next shim. */
  readonly waiting?: boolean;
  /** The first line of the program, where it is another shell's than `/bin/sh`. */
  readonly shell?: string;
  /** Further variables of the program's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Stands in for containerd: makes bundles, starts shims, takes their events. */
export class StubContainerd implements AsyncDisposable {
  /** Holds everything; its last part occurs nowhere else on the machine. */
  readonly dir: string;
  readonly events: TaskEvent[] = [];
  readonly #cgroup: string;
  readonly #shim: string;
  #listener: Deno.UnixListener | undefined;
  readonly #conns = new Set<Deno.Conn>();

  readonly #env: Readonly<Record<string, string>>;

  constructor({ useLink = false, waiting = false, shell, env = {} }: StubOptions = {}) {
    const name = uniqueName("cd");
    this.dir = `${runDir()}/${name}`;
    this.#cgroup = `${runCgroup()}/${name}`;
    Deno.mkdirSync(`${this.dir}/bin`, { recursive: true });
    this.#env = {
      TTRPC_ADDRESS: this.#ttrpc,
      BERTH_SHIM_DIR: waiting ? this.waitingDir : "",
      ...env,
    };
    this.#shim = useLink ? installShim(`${this.dir}/bin`) : installLauncher(`${this.dir}/bin`);
    if (shell !== undefined) {
      const text = Deno.readTextFileSync(this.#shim).replace(/^.*/, shell);
      Deno.writeTextFileSync(this.#shim, text);
    }
    this.comeBack();
  }

  /** Its gRPC socket, at which no process listens. */
  get address(): string {
    return `${this.dir}/containerd.sock`;
  }

  get #ttrpc(): string {
    return `${this.address}.ttrpc`;
  }

  /** Where sockets of shims are that were started with params. */
  get socketDir(): string {
    return `${this.dir}/s`;
  }

  /** The program. */
  get shim(): string {
    return this.#shim;
  }

  /** Where a process waits to be the next shim. */
  get waitingDir(): string {
    return `${this.dir}/waiting`;
  }

  /** Stops taking events, as a containerd that is killed. */
  goAway(): void {
    this.#listener?.close();
    this.#listener = undefined;
    Deno.removeSync(this.#ttrpc);
    for (const conn of this.#conns) {
      try {
        conn.close();
      } catch (error) {
        // Its shim has gone, and the server has closed it.
        if (!(error instanceof Deno.errors.BadResource)) throw error;
      }
    }
    this.#conns.clear();
  }

  /** Takes events again. */
  comeBack(): void {
    this.#listener = Deno.listen({ transport: "unix", path: this.#ttrpc });
    void this.#accept(this.#listener);
  }

  async #accept(listener: Deno.UnixListener): Promise<void> {
    for await (const conn of listener) {
      this.#conns.add(conn);
      void serveConnection(
        conn,
        (_, method) =>
          method === "Forward" ? (payload) => Promise.resolve(this.#take(payload)) : undefined,
      );
    }
  }

  #take(payload: Uint8Array): Uint8Array {
    const { envelope } = decode(ForwardRequest, payload);
    const { type_url = "", value = new Uint8Array() } = envelope?.event ?? {};
    const type = {
      "containerd.events.TaskCreate": TaskCreate,
      "containerd.events.TaskExit": TaskExit,
      "containerd.events.TaskDelete": TaskDelete,
    }[type_url] ?? TaskExecStarted;
    const fields: JsonObject = { ...decode(type, value) };
    const id = String(fields["container_id"]);
    const execId = String(fields["exec_id"] ?? fields["id"] ?? "");
    this.events.push({
      topic: (envelope?.topic ?? "").replace("/tasks/", ""),
      id,
      execId: execId === id ? "" : execId,
      pid: Number(fields["pid"] ?? 0),
      exitStatus: Number(fields["exit_status"] ?? 0),
    });
    return encode(Empty, {});
  }

  /** The events of a container, each as its topic, with the exec's id where it is an exec's. */
  story(id: string): string[] {
    return this.events.filter((event) => event.id === id)
      .map(({ topic, execId }) => execId === "" ? topic : `${topic}:${execId}`);
  }

  /** Waits until the last event of a container is `last`. */
  async told(id: string, last: string): Promise<string[]> {
    await until(`${last} of ${id}, after ${this.story(id)}`, () => this.story(id).at(-1) === last);
    return this.story(id);
  }

  /** The directory of a container's bundle. */
  bundleOf(id: string): string {
    return `${this.dir}/state/${NAMESPACE}/${id}`;
  }

  /** Makes a bundle as containerd does; its spec runs `args`. */
  makeBundle(id: string, args: readonly string[], override: JsonObject = {}): string {
    const bundle = this.bundleOf(id);
    Deno.mkdirSync(`${bundle}/rootfs`, { recursive: true });
    const config = spec(args, { cgroup: this.#cgroup, override });
    Deno.writeTextFileSync(`${bundle}/config.json`, JSON.stringify(config));
    mkfifo(`${bundle}/log`);
    return bundle;
  }

  /** Calls the program, or another file `shim`, with `action`; its output has then ended. */
  async call(
    id: string,
    action: string,
    input: Uint8Array<ArrayBufferLike> = new Uint8Array(),
    shim = this.#shim,
  ): Promise<Said> {
    const args = ["-namespace", NAMESPACE, "-address", this.address, "-publish-binary", "/none"];
    const command = new Deno.Command(shim, {
      args: [
        ...args,
        "-id",
        id,
        ...(action === "delete" ? ["-bundle", this.bundleOf(id)] : []),
        action,
      ],
      cwd: this.bundleOf(id),
      env: { ...this.#env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    const child = command.spawn();
    await feed(child, input);
    const { code, stdout, stderr } = await child.output();
    return { code, stdout, stderr: new TextDecoder().decode(stderr) };
  }

  /** Returns the bytes that containerd 2.3 and later write to the stdin of `start`. */
  params(id: string, options: Encodable<typeof RuncOptions> = {}): Uint8Array {
    const value = encode(RuncOptions, options);
    return encode(BootstrapParams, {
      instance_id: id,
      namespace: NAMESPACE,
      containerd_ttrpc_address: this.#ttrpc,
      socket_dir: this.socketDir,
      extensions: [{ value: { type_url: "containerd.runc.v1.Options", value } }],
    });
  }

  /** Starts a shim for the bundle of `id` and connects to it. */
  async start(id: string, { input, options, shim }: StartOptions = {}): Promise<TaskClient> {
    const said = await this.call(id, "start", input ?? this.params(id, options), shim);
    if (said.code !== 0) throw new Error(`start of ${id}: ${said.code} ${said.stderr}`);
    return await TaskClient.connect(addressIn(said.stdout), id, this.bundleOf(id), {
      type_url: "containerd.runc.v1.Options",
      value: encode(RuncOptions, { root: `${this.dir}/oci`, ...options }),
    });
  }

  /** Makes a bundle and a shim, and creates the container. */
  async create(
    id: string,
    args: readonly string[],
    { override, ...request }: TaskCreateOptions = {},
  ): Promise<TaskClient> {
    this.makeBundle(id, args, override);
    const client = await this.start(id);
    await client.create(request);
    return client;
  }

  /** Calls `delete` for a container; what it says of its end. */
  async delete(id: string): Promise<Decoded<typeof task.DeleteResponse>> {
    const said = await this.call(id, "delete");
    if (said.code !== 0 || said.stderr !== "") {
      throw new Error(`delete of ${id}: ${said.code} ${said.stderr}`);
    }
    return decode(task.DeleteResponse, said.stdout);
  }

  /** The pids of its shims that live. */
  shimPids(): number[] {
    return processesOf(baseName(this.dir))
      .filter(({ command, state }) => state !== "Z" && / serve (\d+|wait) /.test(command))
      .map(({ pid }) => pid)
      .filter((pid) => processName(pid) !== "berth-waiting");
  }

  /** The pids of the processes that wait to be shims. */
  waitingPids(): number[] {
    return processesOf(baseName(this.dir))
      .filter(({ pid, state }) => state !== "Z" && processName(pid) === "berth-waiting")
      .map(({ pid }) => pid);
  }

  /** Waits until so many shims run; their pids. What is being started looks like one for a moment. */
  async shims(count: number): Promise<number[]> {
    return await until(`${count} shims`, () => {
      const found = this.shimPids();
      return found.length === count && found;
    });
  }

  /** The directory in which the process that waits can be asked; undefined where there is none. */
  slot(): string | undefined {
    return this.slots()[0];
  }

  /** The directories in which processes that wait can be asked. */
  slots(): string[] {
    if (!existsSync(this.waitingDir)) return [];
    return [...Deno.readDirSync(this.waitingDir)]
      .filter(({ name, isDirectory }) => isDirectory && !name.startsWith("."))
      .map(({ name }) => `${this.waitingDir}/${name}`);
  }

  /** Waits until a process waits that can be asked and is none of `others`; its pid. */
  async waits(...others: number[]): Promise<number> {
    return await until("a process that waits", () => {
      const pids = this.slots().filter((slot) => !existsSync(`${slot}/claim`))
        .map((slot) => Number(readIfThere(`${slot}/owner`).split(" ")[0]));
      const waiting = this.waitingPids();
      return pids.find((pid) => waiting.includes(pid) && !others.includes(pid)) ?? false;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#listener !== undefined) this.goAway();
    await sweep({ dir: this.dir, cgroup: this.#cgroup });
  }
}
