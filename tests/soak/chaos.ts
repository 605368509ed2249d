// SPDX-License-Identifier: MIT
import { BerthError } from "../../src/rpc/errors.ts";
import type { FailpointFile } from "../harness/program/failpoints.ts";
import { processesOf, signalIfThere } from "../harness/processes.ts";
import { baseName } from "../harness/run.ts";
import type { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import type { Killer } from "./killer.ts";
import type { Random } from "./random.ts";
import type { Session } from "./session.ts";

/** Points of the daemon, none of its shims. */
const POINTS = [
  "bundle.record",
  "create.attach",
  "create.attached",
  "create.created",
  "cgroup.record",
  "delete.shim",
  "delete.shim-deleted",
  "delete.detached",
  "delete.unmounted",
  "delete.publish",
  "bundle.remove",
  "bundle.removing",
  "cleanup.shim-killed",
  "cleanup.runtime-deleted",
  "journal.append",
  "journal.appended",
];

/** The parts of a soak that {@linkcode Chaos} harms. */
export interface ChaosOptions {
  readonly session: Session;
  readonly random: Random;
  /** The runtime of some of the containers. */
  readonly runtime: RuntimeWrapper;
  readonly killer: Killer;
  /** The file that the daemon reads its failpoints from. */
  readonly failpoints: FailpointFile;
  /** Whether the daemon serves the containers itself. */
  readonly noShim: boolean;
}

/** Kills, stops and starts again what the containers depend on, at random. */
export class Chaos {
  readonly #session: Session;
  readonly #random: Random;
  readonly #runtime: RuntimeWrapper;
  readonly #killer: Killer;
  readonly #noShim: boolean;
  readonly #failpoints: FailpointFile;
  readonly #releases: (() => void)[] = [];
  /** How often each thing was done. */
  readonly counts = new Map<string, number>();

  constructor({ session, random, runtime, killer, failpoints, noShim }: ChaosOptions) {
    this.#failpoints = failpoints;
    this.#session = session;
    this.#random = random;
    this.#runtime = runtime;
    this.#killer = killer;
    this.#noShim = noShim;
  }

  /** Goes on until `signal` is aborted or something was violated; a daemon runs when it ends. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#session.violation === undefined) {
      await pause(this.#random.between(50, 1500));
      const [name, act] = this.#random.pick<readonly [string, () => Promise<unknown>]>([
        [3, ["daemon killed", () => this.#killDaemon()]],
        [1, ["daemon stopped", () => this.#stopDaemon()]],
        [3, ["daemon killed at a failpoint", () => this.#killAtFailpoint()]],
        [5, ["shim killed", () => this.#killShim()]],
        [5, ["killed at a start", () => this.#killAtStart()]],
        [2, ["shim frozen", () => this.#freezeShim()]],
        [2, ["process killed", () => this.#killProcess()]],
        [4, ["runtime at fault", () => this.#spoilRuntime()]],
      ]);
      this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      this.#session.note(name);
      await act();
    }
    this.#runtime.clear();
    for (const release of this.#releases) release();
  }

  async #killDaemon(): Promise<void> {
    const { daemon } = this.#session;
    this.#session.down();
    await this.#kill9();
    await this.#session.drained();
    // At times again in the middle of its start.
    while (this.#random.next() < 0.3) {
      daemon.spawn();
      await pause(this.#random.between(0, 600));
      await this.#kill9();
    }
    // And shims die while there is no daemon.
    if (this.#random.next() < 0.3) await this.#killShim();
    await this.#start();
  }

  /** The daemon kills itself between two steps, if it comes to that point in time. */
  async #killAtFailpoint(): Promise<void> {
    const { daemon } = this.#session;
    const point = this.#random.pick(POINTS.map((name) => [1, name] as const));
    this.#session.note(`failpoint ${point}`);
    this.#failpoints.arm(`${point}=crash`);
    const ended = await daemon.exitedWithin(2000);
    this.#failpoints.disarm();
    if (!ended && await this.#answers()) return;
    this.#session.down();
    if (this.#noShim) this.#killer.daemonGone();
    await this.#session.drained();
    await this.#start();
  }

  /**
   * Whether the daemon lives. One that has read a failpoint just before that was disarmed kills
   * itself before it answers.
   */
  async #answers(): Promise<boolean> {
    const { daemon } = this.#session;
    try {
      await daemon.client.call("daemon.info", {});
      return true;
    } catch (error) {
      if (!(error instanceof BerthError) || error.kind !== "Unavailable") throw error;
      await daemon.exited();
      return false;
    }
  }

  async #kill9(): Promise<void> {
    await this.#session.daemon.kill9();
    if (this.#noShim) this.#killer.daemonGone();
  }

  async #stopDaemon(): Promise<void> {
    this.#session.down();
    const { success, code } = await this.#session.daemon.stop();
    if (this.#noShim) this.#killer.daemonGone();
    if (!success) this.#session.violated(new Error(`the daemon ended with ${code} at SIGTERM`));
    await this.#session.drained();
    await this.#start();
  }

  async #start(): Promise<void> {
    await this.#session.daemon.start();
    await this.#session.up();
  }

  /** Any shim: one that serves one container or several, one that waits, one that creates. */
  #shim(): number | undefined {
    const shims = this.#processes().filter(({ command }) => command.includes(" shim serve "));
    return shims[this.#random.below(shims.length)]?.pid;
  }

  #killShim(): Promise<void> {
    const pid = this.#shim();
    if (pid !== undefined) this.#killer.shim(pid);
    return Promise.resolve();
  }

  /** Kills the process that looks after a container at the moment in which that is started. */
  async #killAtStart(): Promise<void> {
    const shim = await Promise.race([this.#session.nextStart(), pause(2000)]);
    if (typeof shim !== "number") return;
    await pause(this.#random.between(0, 6));
    if (this.#noShim) await this.#killDaemon();
    else this.#killer.servingShim(shim);
  }

  async #freezeShim(): Promise<void> {
    const pid = this.#shim();
    if (pid === undefined) return;
    signalIfThere(pid, "SIGSTOP");
    await pause(this.#random.between(10, 1500));
    signalIfThere(pid, "SIGCONT");
  }

  /** A container's process, or the OCI runtime at its work. */
  #killProcess(): Promise<void> {
    const others = this.#processes().filter(({ command }) =>
      !command.includes(" shim serve ") && !command.includes(" daemon ")
    );
    const chosen = others[this.#random.below(others.length)];
    if (chosen !== undefined) this.#killer.process(chosen.pid);
    return Promise.resolve();
  }

  /** The next call of one of the runtime's commands goes wrong, in one way or the other. */
  async #spoilRuntime(): Promise<void> {
    const command = this.#random.pick(
      ["create", "start", "exec", "kill", "delete", "state", "pause", "resume"]
        .map((name) => [1, name] as const),
    );
    const options = { once: true, after: this.#random.next() < 0.5 };
    await this.#random.pick<() => void | Promise<void>>([
      [1, () => this.#runtime.fail(command, "no luck", options)],
      [1, () => this.#runtime.delay(command, this.#random.between(50, 1000), options)],
      [2, () => this.#killer.callingShim(this.#runtime, command, options.after)],
      [1, async () => {
        const release = this.#runtime.hang(command, options);
        this.#releases.push(release);
        await pause(this.#random.between(100, 2000));
        release();
      }],
    ])();
  }

  #processes() {
    return processesOf(baseName(this.#session.daemon.dir)).filter(({ state }) => state !== "Z");
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
