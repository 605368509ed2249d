// SPDX-License-Identifier: MIT
import type { JsonObject } from "../../tests/harness/rootfs.ts";

/** The three that are compared; bare is what both stand on, such as runc by itself. */
export type EngineName = "berth" | "containerd" | "bare";

/** How a container is created. */
export interface EngineContainerOptions {
  /** FIFOs for the process's output; left out: `/dev/null`. */
  readonly stdout?: string;
  readonly stderr?: string;
  /** Path of the file that both go to; then neither FIFO is given. */
  readonly log?: string;
  /** Containers of one group share a shim process. */
  readonly group?: string;
}

/** Something that runs a container; each call takes as long as its user waits for it. */
export interface Engine {
  readonly name: EngineName;
  /** Name and version, for people. */
  readonly version: string;
  /** Returns init's pid. */
  create(id: string, spec: JsonObject, options?: EngineContainerOptions): Promise<number>;
  start(id: string): Promise<void>;
  /** Resolves when the init process has exited, as this engine's user learns of it. */
  wait(id: string): Promise<void>;
  delete(id: string): Promise<void>;
  /** Runs another process, resolves when its exit is seen. */
  exec(id: string, execId: string, args: readonly string[]): Promise<void>;
  /** Forgets an exec process that has exited; nothing where there is nothing to forget. */
  deleteExec(id: string, execId: string): Promise<void>;
  /** Sends the init process a signal by the engine's own means. */
  kill(id: string, signal: number): Promise<void>;
}

/** An engine with a daemon. */
export interface DaemonEngine extends Engine {
  readonly daemonPid: number;
  /** The Unix socket that it listens on. */
  readonly socket: string;
  /** Pids of the shims that serve containers, the daemon's own idle ones apart. */
  shimPids(): Promise<readonly number[]>;
  /** Pids of processes that wait to become shims. */
  idleShimPids(): Promise<readonly number[]>;
  /** SIGKILL to the daemon, resolves when it is dead. */
  crash(): Promise<void>;
  /** Starts the daemon again; resolves when its socket takes a connection. */
  restart(): Promise<void>;
  /** Ids of the containers that the daemon says are running. */
  running(): Promise<readonly string[]>;
  /** Opens one more connection for {@linkcode Caller.call}. */
  connect(): Promise<Caller>;
  /** Calls `onExit` with the container's id for each exit of an init process. */
  subscribe(onExit: (id: string) => void): Promise<Disposable>;
}

/** A connection that asks the daemon for its version. */
export interface Caller extends Disposable {
  call(): Promise<void>;
}

/** The command of a container that only has to be there. */
export const SLEEP = ["sleep", "1000000"] as const;

/** One whole life: create, start, exit seen, delete. */
export async function life(engine: Engine, id: string, spec: JsonObject): Promise<void> {
  await engine.create(id, spec);
  const exited = engine.wait(id);
  await engine.start(id);
  await exited;
  await engine.delete(id);
}
