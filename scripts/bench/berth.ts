// SPDX-License-Identifier: MIT
import { dial, typedClient } from "../../src/rpc/transport/dial.ts";
import type { TypedClient } from "../../src/rpc/transport/dial.ts";
import { eventNotification } from "../../src/rpc/contract/daemon.ts";
import type { DaemonContract } from "../../src/rpc/contract/daemon.ts";
import type { Peer } from "../../src/rpc/peer/peer.ts";
import { TestDaemon } from "../../tests/harness/daemon.ts";
import { until } from "../../tests/harness/poll.ts";
import { processesOf } from "../../tests/harness/processes.ts";
import type { JsonObject } from "../../tests/harness/rootfs.ts";
import { baseName } from "../../tests/harness/run.ts";
import type { Caller, DaemonEngine, EngineContainerOptions } from "./engine.ts";

/** A berth daemon of its own, driven over its socket by berth's client. */
export class Berth implements DaemonEngine, AsyncDisposable {
  readonly name = "berth";
  readonly #daemon: TestDaemon;
  #peer: Peer;
  #client: TypedClient<DaemonContract>;
  #version = "berth";

  private constructor(daemon: TestDaemon, peer: Peer) {
    this.#daemon = daemon;
    this.#peer = peer;
    this.#client = typedClient<DaemonContract>(peer);
  }

  /** Starts the berth at path `program` with its state at `state`, to use the runc at `runc`. */
  static async start(program: string, state: string, runc: string): Promise<Berth> {
    const config = `[runtime]\nruntime = ${JSON.stringify(runc)}`;
    const daemon = await TestDaemon.start({ program: [program], state, config });
    try {
      const engine = new Berth(daemon, await daemon.connect());
      engine.#version = `berth ${(await engine.#client.call("daemon.info", {})).version}`;
      return engine;
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
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
    { log, ...options }: EngineContainerOptions = {},
  ): Promise<number> {
    const { pid } = await this.#client.call("container.create", {
      ...{ id, spec, ...options },
      ...(log !== undefined && { log: { driver: "cri", path: log, maxSize: 2 ** 40 } }),
    });
    return pid;
  }

  async start(id: string): Promise<void> {
    await this.#client.call("container.start", { id });
  }

  async wait(id: string): Promise<void> {
    await this.#client.call("container.wait", { id });
  }

  async delete(id: string): Promise<void> {
    await this.#client.call("container.delete", { id });
  }

  async exec(id: string, execId: string, args: readonly string[]): Promise<void> {
    await this.#client.call("container.exec", { id, execId, process: { args: [...args] } });
    await this.#client.call("container.wait", { id, execId });
  }

  async deleteExec(id: string, execId: string): Promise<void> {
    await this.#client.call("container.deleteProcess", { id, execId });
  }

  async kill(id: string, signal: number): Promise<void> {
    await this.#client.call("container.kill", { id, signal });
  }

  async shimPids(): Promise<readonly number[]> {
    const { containers } = await this.#client.call("container.list", {});
    return [...new Set(containers.map(({ shimPid }) => shimPid))];
  }

  async idleShimPids(): Promise<readonly number[]> {
    const busy = new Set(await this.shimPids());
    return processesOf(baseName(this.#daemon.dir))
      .filter(({ pid, command, state }) =>
        state !== "Z" && command.includes(" shim serve") && !busy.has(pid)
      )
      .map(({ pid }) => pid);
  }

  async crash(): Promise<void> {
    this.#peer.close();
    await this.#daemon.kill9();
  }

  async restart(): Promise<void> {
    this.#daemon.spawn();
    this.#peer = await until("a connection to berth", async () => {
      try {
        return await dial(this.#daemon.socket, { onError: console.error });
      } catch {
        // Not listening yet.
        return undefined;
      }
    }, { everyMs: 1 });
    this.#client = typedClient<DaemonContract>(this.#peer);
  }

  async running(): Promise<readonly string[]> {
    const { containers } = await this.#client.call("container.list", {});
    return containers
      .filter(({ status, shim }) => status === "running" && shim === "connected")
      .map(({ id }) => id);
  }

  async connect(): Promise<Caller> {
    const peer = await this.#daemon.connect();
    const client = typedClient<DaemonContract>(peer);
    await client.call("daemon.info", {});
    return {
      call: async () => void await client.call("daemon.info", {}),
      [Symbol.dispose]: () => peer.close(),
    };
  }

  async subscribe(onExit: (id: string) => void): Promise<Disposable> {
    const peer = await this.#daemon.connect();
    peer.onNotification(eventNotification.name, (params) => {
      const { event } = eventNotification.params.parse(params);
      if (event.execId === undefined) onExit(event.id);
    });
    await typedClient<DaemonContract>(peer).call("events.subscribe", { types: ["exit"] });
    return { [Symbol.dispose]: () => peer.close() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#peer.close();
    await this.#daemon[Symbol.asyncDispose]();
  }
}
