// SPDX-License-Identifier: MIT
import { processesOf } from "../harness/processes.ts";
import { baseName } from "../harness/run.ts";
import type { RuntimeWrapper } from "../harness/runtime_wrapper.ts";
import type { Random } from "./random.ts";
import type { Session } from "./session.ts";

/** Not who called it in a daemon's stead: chaos kills that itself, for it has to start it again. */
const KILL_SHIM = `case $(tr '\\000' ' ' <"/proc/$PPID/cmdline") in
*" shim serve "*) kill -9 "$PPID" ;;
esac`;

/** Kills, stops and starts again what the containers depend on, at random. */
export class Chaos {
  readonly #session: Session;
  readonly #random: Random;
  readonly #runtime: RuntimeWrapper;
  readonly #releases: (() => void)[] = [];
  /** What was done, and how often. */
  readonly counts = new Map<string, number>();

  /** @param runtime What some of the containers have for a runtime. */
  constructor(session: Session, random: Random, runtime: RuntimeWrapper) {
    this.#session = session;
    this.#random = random;
    this.#runtime = runtime;
  }

  /** Goes on until `signal` is aborted or something was violated; a daemon runs when it ends. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#session.violation === undefined) {
      await pause(this.#random.between(50, 1500));
      const [name, act] = this.#random.pick<readonly [string, () => Promise<unknown>]>([
        [3, ["daemon killed", () => this.#killDaemon()]],
        [1, ["daemon stopped", () => this.#stopDaemon()]],
        [5, ["shim killed", () => this.#signalShim("SIGKILL")]],
        [2, ["shim frozen", () => this.#freezeShim()]],
        [2, ["process killed", () => this.#killProcess()]],
        [4, ["runtime at fault", () => this.#spoilRuntime()]],
      ]);
      this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      await act();
    }
    this.#runtime.clear();
    for (const release of this.#releases) release();
  }

  async #killDaemon(): Promise<void> {
    const { daemon } = this.#session;
    this.#session.down();
    await daemon.kill9();
    await this.#session.drained();
    // At times again in the middle of its start.
    while (this.#random.next() < 0.3) {
      daemon.spawn();
      await pause(this.#random.between(0, 600));
      await daemon.kill9();
    }
    // And shims die while there is no daemon.
    if (this.#random.next() < 0.3) await this.#signalShim("SIGKILL");
    await this.#start();
  }

  async #stopDaemon(): Promise<void> {
    this.#session.down();
    const { success, code } = await this.#session.daemon.stop();
    if (!success) this.#session.violated(new Error(`the daemon ended with ${code} at SIGTERM`));
    await this.#session.drained();
    await this.#start();
  }

  async #start(): Promise<void> {
    await this.#session.daemon.start();
    await this.#session.up();
  }

  /** Any shim: one that serves one container or several, one that waits, one that creates. */
  #signalShim(signal: Deno.Signal): Promise<number | undefined> {
    const shims = this.#processes().filter(({ command }) => command.includes(" shim serve "));
    const chosen = shims[this.#random.below(shims.length)];
    if (chosen !== undefined) kill(chosen.pid, signal);
    return Promise.resolve(chosen?.pid);
  }

  async #freezeShim(): Promise<void> {
    const pid = await this.#signalShim("SIGSTOP");
    if (pid === undefined) return;
    await pause(this.#random.between(10, 1500));
    kill(pid, "SIGCONT");
  }

  /** A container's process, or the OCI runtime at its work. */
  #killProcess(): Promise<void> {
    const others = this.#processes().filter(({ command }) =>
      !command.includes(" shim serve ") && !command.includes(" daemon ")
    );
    const chosen = others[this.#random.below(others.length)];
    if (chosen !== undefined) kill(chosen.pid, "SIGKILL");
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
      [2, () => this.#runtime.rule(command, KILL_SHIM, options)],
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

function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch {
    // It has ended since we looked.
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
