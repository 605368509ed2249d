// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { exists } from "../../src/linux/fs/exists.ts";
import { dial, typedClient } from "../../src/rpc/transport/dial.ts";
import type { TypedClient } from "../../src/rpc/transport/dial.ts";
import type { DaemonContract } from "../../src/rpc/contract/daemon.ts";
import type { ParamsOf, ResultOf } from "../../src/rpc/contract/method.ts";
import type { ContainerState } from "../../src/rpc/contract/schemas.ts";
import { UnavailableError } from "../../src/rpc/errors.ts";
import type { Peer } from "../../src/rpc/peer/peer.ts";
import { readIfThere } from "./files.ts";
import { failureLogs } from "./failure_logs.ts";
import { keepsFiles } from "./keep_files.ts";
import { stateCgroupName } from "../../src/runtime/state_dir.ts";
import { CALL_TIMEOUT_MS, SLOWNESS, until, within } from "./poll.ts";
import { signalChild } from "./processes.ts";
import { spec } from "./rootfs.ts";
import type { JsonObject } from "./rootfs.ts";
import { program, runCgroup, runDir, uniqueName } from "./run.ts";
import { removeCgroups, sweep } from "./leaks/sweep.ts";

/** Lines of a config without shims that wait for a container: what is left of one is gone at once. */
export const COLD = "[shim]\nwarm = 0\nkeep = 0\n";

/** How a {@linkcode TestDaemon} is set up. */
export interface TestDaemonOptions {
  /** TOML lines to put at the top of its config, before any table: `runtime`-less keys, tables. */
  readonly config?: string;
  /** Arguments after `berth daemon --config FILE`. */
  readonly args?: readonly string[];
  /** Environment beside this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Command in place of the berth that is under test. */
  readonly program?: readonly string[];
  /** State directory in place of `<dir>/state`. */
  readonly state?: string;
  /**
   * Whether each start is in a network namespace of its own, which goes with the daemon and its shims,
   * and with it all rules and interfaces of its containers' networks.
   */
  readonly ownNetwork?: boolean;
}

/** How long a daemon waits for each of these unless its config says so, in seconds. */
const TIMEOUTS = { shim: 10, network: 30 };

/** Lets a daemon wait longer too where all waits of tests are longer, unless its config says how long. */
function scaleTimeouts(configFile: string): void {
  let config = Deno.readTextFileSync(configFile);
  for (const [name, seconds] of Object.entries(TIMEOUTS)) {
    const [before = "", table = ""] = config.split(`[${name}]\n`);
    if (/^timeout =/m.test(table.split("\n[")[0] ?? "")) continue;
    const head = before.endsWith("\n") ? before : `${before}\n`;
    config = `${head}[${name}]\ntimeout = ${seconds * SLOWNESS}\n${table}`;
  }
  Deno.writeTextFileSync(configFile, config);
}

/**
 * A berth daemon of its own: its directories, its cgroup, its process. Disposing of it ends and
 * removes all that it has started, in whatever state that is, so a test asserts on leaks before.
 */
export class TestDaemon implements AsyncDisposable {
  /** Holds everything of this daemon; its last part occurs nowhere else on the machine. */
  readonly dir: string;
  /** The daemon's state directory. */
  readonly state: string;
  /** The daemon's root directory. */
  readonly root: string;
  /** The cgroup that {@linkcode spec} puts containers below, relative to each hierarchy's root. */
  readonly cgroup: string;
  readonly #options: TestDaemonOptions;
  #process: Deno.ChildProcess | undefined;
  #peer: Peer | undefined;
  #onMachine = false;

  private constructor(options: TestDaemonOptions) {
    const name = uniqueName("d");
    this.#options = options;
    this.dir = `${runDir()}/${name}`;
    this.state = options.state ?? `${this.dir}/state`;
    this.root = `${this.dir}/root`;
    this.cgroup = `${runCgroup()}/${name}`;
    Deno.mkdirSync(this.dir, { recursive: true });
  }

  /** Makes the directories and the config, and starts nothing yet. */
  static prepare(options: TestDaemonOptions = {}): TestDaemon {
    const daemon = new TestDaemon(options);
    const head = `state = ${JSON.stringify(daemon.state)}\nroot = ${JSON.stringify(daemon.root)}\n`;
    Deno.writeTextFileSync(daemon.configFile, `${head}${options.config ?? ""}\n`);
    return daemon;
  }

  /** Makes and starts one; it answers when this returns. */
  static async start(options: TestDaemonOptions = {}): Promise<TestDaemon> {
    const daemon = TestDaemon.prepare(options);
    try {
      await daemon.start();
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
    return daemon;
  }

  /** Its config file. */
  get configFile(): string {
    return `${this.dir}/config.toml`;
  }

  /** The socket it listens on. */
  get socket(): string {
    return `${this.state}/berth.sock`;
  }

  /** Pid of the running daemon; throws when none runs. */
  get pid(): number {
    if (this.#process === undefined) throw new Error("the daemon does not run");
    return this.#process.pid;
  }

  /** Its output on stderr and stdout, over all of its starts; empty before the first. */
  get log(): string {
    return readIfThere(`${this.dir}/daemon.log`);
  }

  /** A connection of its own, typed, for one test; made anew after each start. */
  get client(): TypedClient<DaemonContract> {
    return typedClient<DaemonContract>(this.peer);
  }

  /** The connection below {@linkcode client}. */
  get peer(): Peer {
    if (this.#peer === undefined) throw new Error("the daemon does not run");
    return this.#peer;
  }

  /** The ids of its containers, in the order that `container.list` gives; `[]`: none is left. */
  async containerIds(): Promise<string[]> {
    const { containers } = await this.client.call("container.list", {});
    return containers.map(({ id }) => id);
  }

  /** Waits until no container is there. */
  async untilEmpty(): Promise<void> {
    await until("no container is there", async () => (await this.containerIds()).length === 0);
  }

  /** One more connection; close it with `using`. */
  connect(): Promise<Peer> {
    return dial(this.socket, { onError: console.error, timeoutMs: CALL_TIMEOUT_MS });
  }

  /** Starts the process without waiting for anything; its exit status is {@linkcode exited}. */
  spawn(): void {
    if (this.#process !== undefined) throw new Error("the daemon runs already");
    if (SLOWNESS > 1) scaleTimeouts(this.configFile);
    const argv = [
      ...(this.#options.ownNetwork ? ["unshare", "--net"] : []),
      ...(this.#options.program ?? program()),
      ...["daemon", "--config", this.configFile],
      ...(this.#options.args ?? []),
    ];
    // The shell only connects the log file, which Deno.Command cannot, and becomes the daemon.
    this.#process = new Deno.Command("sh", {
      args: [
        "-c",
        'log=$1; shift; exec "$@" >>"$log" 2>&1',
        "sh",
        `${this.dir}/daemon.log`,
        ...argv,
      ],
      cwd: this.dir,
      env: { ...this.#options.env },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Starts the daemon, or starts it again, and waits until it answers. */
  async start(): Promise<void> {
    this.spawn();
    let status: Deno.CommandStatus | undefined;
    // The one file that is shipped unpacks itself at its first start: that takes its time.
    const timeoutMs = 120_000;
    this.#process?.status.then((ended) => status = ended);
    this.#peer = await until("an answer on the daemon's socket", async () => {
      if (status !== undefined) {
        this.#process = undefined;
        throw new Error(`the daemon ended with ${status.code} at its start:\n${this.log}`);
      }
      return await this.#answering();
    }, { timeoutMs });
    this.#onMachine ||= networkOf(this.pid) === networkOf("self");
  }

  /**
   * A connection on which the daemon has answered; undefined if it does not yet. After a kill that may
   * be for what the killed daemon has just forked, which has its socket until it becomes another program.
   */
  async #answering(): Promise<Peer | undefined> {
    let peer: Peer | undefined;
    try {
      peer = await dial(this.socket, { onError: console.error });
      await peer.call("daemon.info", {}, { timeoutMs: CALL_TIMEOUT_MS });
      return peer;
    } catch (error) {
      peer?.close();
      if (peer !== undefined && !(error instanceof UnavailableError)) throw error;
      // Not listening yet.
      return undefined;
    }
  }

  /** Waits until the process has ended; returns how. */
  async exited(): Promise<Deno.CommandStatus> {
    if (this.#process === undefined) throw new Error("the daemon does not run");
    const status = await within("the daemon's end", this.#process.status);
    this.#process = undefined;
    this.#peer?.close();
    this.#peer = undefined;
    return status;
  }

  /** Waits for the process to end by itself, at most `ms` milliseconds; returns whether it has. */
  async exitedWithin(ms: number): Promise<boolean> {
    if (this.#process === undefined) throw new Error("the daemon does not run");
    const late = Promise.withResolvers<false>();
    const timer = setTimeout(() => late.resolve(false), ms);
    const ended = await Promise.race([this.#process.status.then(() => true), late.promise]);
    clearTimeout(timer);
    if (ended) await this.exited();
    return ended;
  }

  /** Stops the daemon as a service manager does, by SIGTERM, and waits for its end. */
  async stop(): Promise<Deno.CommandStatus> {
    this.signal("SIGTERM");
    return await this.exited();
  }

  /** Kills the daemon at once, and waits for its end. */
  async kill9(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited();
  }

  /** Kills the daemon and starts it again. */
  async restart(): Promise<void> {
    await this.kill9();
    await this.start();
  }

  /**
   * Waits until the daemon is connected to a container's shim. One that has just started again
   * answers before that where a shim takes its time; what goes to the shim waits only so long.
   */
  async connected(id: string): Promise<void> {
    await this.untilState(id, ({ shim }) => shim === "connected" || shim === "none");
  }

  /** Sends the daemon a signal. */
  signal(signal: Deno.Signal): void {
    Deno.kill(this.pid, signal);
  }

  /** A small OCI spec for a container of this daemon; see `spec` in `rootfs.ts`. */
  spec(args: readonly string[], override?: JsonObject): JsonObject {
    return spec(args, { cgroup: this.cgroup, ...(override === undefined ? {} : { override }) });
  }

  /** Creates and starts a container; returns its pid. `params` are those of the create besides. */
  async run(
    id: string,
    args: readonly string[],
    override?: JsonObject,
    params: Omit<ParamsOf<DaemonContract, "container.create">, "id" | "spec"> = {},
  ): Promise<number> {
    await this.client.call("container.create", { id, spec: this.spec(args, override), ...params });
    const { pid } = await this.client.call("container.start", { id });
    return pid;
  }

  /** Returns what the daemon says of a container. */
  stateOf(id: string): Promise<ContainerState> {
    return this.client.call("container.state", { id });
  }

  /** Waits until the state of a container passes, and returns it. */
  untilState(id: string, passes: (state: ContainerState) => boolean): Promise<ContainerState> {
    return until(`a state of ${id}: ${passes}`, async () => {
      const state = await this.stateOf(id);
      return passes(state) && state;
    });
  }

  /** Kills the shim of a container; returns its pid. */
  async killShim(id: string): Promise<number> {
    const { shimPid } = await this.stateOf(id);
    Deno.kill(shimPid, "SIGKILL");
    return shimPid;
  }

  /** Kills the daemon, then the shim of a container; returns the shim's pid. */
  async killWithShim(id: string): Promise<number> {
    const { shimPid } = await this.stateOf(id);
    await this.kill9();
    Deno.kill(shimPid, "SIGKILL");
    return shimPid;
  }

  /** Waits until another shim than that of `shimPid` serves a container; returns the state then. */
  nextShim(id: string, shimPid: number): Promise<ContainerState> {
    return this.untilState(id, (now) => now.shim === "connected" && now.shimPid !== shimPid);
  }

  /** Waits until a container's init, or one of its execs, has exited; returns how. */
  exitOf(id: string, execId?: string): Promise<ResultOf<DaemonContract, "container.wait">> {
    return this.client.call("container.wait", { id, ...(execId !== undefined && { execId }) });
  }

  /** Deletes a container by force, with nothing left of its network; returns how it has ended. */
  async remove(id: string): Promise<ResultOf<DaemonContract, "container.delete">> {
    const removed = await this.client.call("container.delete", { id, force: true });
    assert.equal(removed.networkLeft, undefined, id);
    return removed;
  }

  /** The whole life of a container that exits by itself; returns its exit status. */
  async life(id: string, args: readonly string[] = ["true"]): Promise<number> {
    await this.run(id, args);
    await this.exitOf(id);
    return (await this.client.call("container.delete", { id })).exitStatus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#peer?.close();
    this.#peer = undefined;
    if (this.#process !== undefined) {
      signalChild(this.#process, "SIGKILL");
      await this.#process.status;
      this.#process = undefined;
    }
    failureLogs.take(this.dir);
    const own = await this.#ownCgroup();
    const left = this.#onMachine && exists(`${this.state}/network/containers`);
    await sweep({ dir: this.dir, cgroup: this.cgroup, keepFiles: keepsFiles() });
    // The daemon removes it when it stops, which it was not given the time for.
    if (own !== undefined) await removeCgroups(own);
    // Its bridge, and the rules of containers that it had no time to remove.
    if (left) throw new Error(`${this.dir} has made networks on the machine: give it its own`);
  }

  /** The cgroup of containers that named none; undefined where the daemon never had its state. */
  async #ownCgroup(): Promise<string | undefined> {
    try {
      return await stateCgroupName(this.state);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }
}

/** The network namespace of a process. */
function networkOf(pid: number | "self"): string {
  return Deno.readLinkSync(`/proc/${pid}/ns/net`);
}
