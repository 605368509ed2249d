// SPDX-License-Identifier: MIT
import { existsSync } from "node:fs";
import { readIfThere } from "../../tests/harness/files.ts";
import { until } from "../../tests/harness/poll.ts";
import { signalChild } from "../../tests/harness/processes.ts";

/** Where shims have their sockets, whatever the state directory is. */
const RUN_DIR = "/run/containerd";

/** Plugins that CRI needs, and containers without images do not. */
const OF_CRI = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.grpc.v1.images",
  "io.containerd.grpc.v1.diff",
  "io.containerd.grpc.v1.introspection",
  "io.containerd.service.v1.images-service",
  "io.containerd.service.v1.diff-service",
  "io.containerd.differ.v1.walking",
  "io.containerd.snapshotter.v1.overlayfs",
];

/** Plugins that all containers here can do without. */
const NOT_NEEDED = [
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.restart",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.monitor.v1.cgroups",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
];

/** A containerd process with its own root, state and socket, and nothing else in common. */
export class ContainerdDaemon implements AsyncDisposable {
  readonly dir: string;
  readonly #state: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #hadRun: boolean;
  #process: Deno.ChildProcess | undefined;

  private constructor(dir: string, state: string, env: Readonly<Record<string, string>>) {
    this.dir = dir;
    this.#state = state;
    this.#env = env;
    this.#hadRun = existsSync(RUN_DIR);
  }

  /**
   * Starts one in `dir`, which is made, with its state directory at `state`, and waits until its
   * socket takes connections.
   *
   * @param env what its environment has beside this process's own.
   * @param cri the sections of the config for the CRI plugin, which is off where this is left out.
   */
  static async start(
    dir: string,
    state: string,
    env: Readonly<Record<string, string>> = {},
    cri?: string,
  ): Promise<ContainerdDaemon> {
    const daemon = new ContainerdDaemon(dir, state, env);
    await Deno.mkdir(dir);
    const text = (value: unknown) => JSON.stringify(value);
    await Deno.writeTextFile(
      `${dir}/config.toml`,
      `version = 2
root = ${text(`${dir}/root`)}
state = ${text(state)}
disabled_plugins = ${text(cri === undefined ? [...OF_CRI, ...NOT_NEEDED] : NOT_NEEDED)}
[grpc]
  address = ${text(daemon.socket)}
${cri ?? ""}`,
    );
    await daemon.spawn();
    return daemon;
  }

  /** Its gRPC socket. */
  get socket(): string {
    return `${this.dir}/containerd.sock`;
  }

  /** Its pid; throws when it does not run. */
  get pid(): number {
    if (this.#process === undefined) throw new Error("containerd does not run");
    return this.#process.pid;
  }

  /** Starts the process, resolves when its socket takes connections. */
  async spawn(): Promise<void> {
    // The shell only connects the log file, which Deno.Command cannot, and becomes containerd.
    this.#process = new Deno.Command("sh", {
      args: [
        "-c",
        'exec containerd --config "$1/config.toml" >>"$1/log" 2>&1',
        "sh",
        this.dir,
      ],
      env: this.#env,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    let ended = false;
    this.#process.status.then(() => ended = true);
    await until("a connection to containerd", async () => {
      if (ended) throw new Error(`containerd ended:\n${Deno.readTextFileSync(`${this.dir}/log`)}`);
      try {
        (await Deno.connect({ transport: "unix", path: this.socket })).close();
        return true;
      } catch {
        // Not listening yet.
        return false;
      }
    }, { everyMs: 1 });
  }

  /** Sends it a signal and waits for its end. */
  async end(signal: Deno.Signal): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    signalChild(process, signal);
    await process.status;
  }

  /** Ends it and removes what it has made outside of `dir`; its shims are for the sweep of `dir`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
    // Others are of another containerd, which would take its containers for dead without them.
    for (const bundle of this.#bundles()) {
      const address = readIfThere(`${bundle}/address`).replace("unix://", "");
      if (existsSync(address)) Deno.removeSync(address);
    }
    if (!this.#hadRun && existsSync(RUN_DIR)) removeEmptyDirs(RUN_DIR);
  }

  /** The bundles of its containers, in all namespaces. */
  #bundles(): string[] {
    const tasks = `${this.#state}/io.containerd.runtime.v2.task`;
    return list(tasks).flatMap(list);
  }
}

/** The paths of what a directory holds; nothing where there is none. */
function list(dir: string): string[] {
  return existsSync(dir) ? [...Deno.readDirSync(dir)].map(({ name }) => `${dir}/${name}`) : [];
}

/** Removes a directory and those below it, unless there is something else in them. */
function removeEmptyDirs(dir: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(dir)) {
    if (isDirectory) removeEmptyDirs(`${dir}/${name}`);
  }
  if ([...Deno.readDirSync(dir)].length === 0) Deno.removeSync(dir);
}
