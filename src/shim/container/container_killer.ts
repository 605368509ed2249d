// SPDX-License-Identifier: MIT
import { killUntilEmpty } from "../../linux/cgroup/cgroup.ts";
import { backoff } from "../../linux/event_loop/backoff.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { RuntimeError } from "../../rpc/errors.ts";
import { PendingKills } from "./pending_kills.ts";
import { processExited } from "../process/process_errors.ts";
import type { InitProcess } from "../init/init_process.ts";
import { wrongState } from "../states/init_states.ts";
import type { ProcessContext } from "../process/process_context.ts";
import { signaling, unlessReaped } from "../process/signal.ts";
import type { ShimCgroup } from "./shim_cgroup.ts";

/** Delays between checks of whether killed processes are gone: 2 s in all. */
const DYING = { first: 1, most: 1000, attempts: 11 };

/** Signals init and, through the OCI runtime, all processes of one container. */
export class ContainerKiller {
  readonly #context: ProcessContext;
  readonly #init: InitProcess;
  readonly #cgroup: ShimCgroup;
  readonly #pending = new PendingKills();

  constructor(context: ProcessContext, init: InitProcess, cgroup: ShimCgroup) {
    this.#context = context;
    this.#init = init;
    this.#cgroup = cgroup;
  }

  /**
   * Sends a signal to init, or to all processes. SIGKILL also reaches a paused container, which is
   * thawed so that it can die.
   *
   * @throws {NotFoundError} if init, or with `all` every process, has exited.
   * @throws {FailedPreconditionError} if there is no process yet.
   */
  async kill(signal: number, all: boolean): Promise<void> {
    const { id } = this.#context.record;
    const { state } = this.#init;
    if (all && state.name === "stopped" && this.#outlived) return await this.#killAll(signal);
    if (state.name === "stopped" || state.name === "deleted") throw processExited(id);
    if (!("pid" in state) || state.pid === 0) throw wrongState(id, "signal", state.name);
    if (all) {
      this.#cgroup.find();
      await this.#killAll(signal);
      // A container that was paused may have been left thawed.
      this.#cgroup.syncFreezerState();
      if (signal === SIGKILL) this.#cgroup.killThawed(() => {});
      return;
    }
    const send = () => signaling(id, undefined, () => this.#init.signal(signal));
    if (signal === SIGKILL) this.#cgroup.killThawed(send);
    else send();
  }

  /** Sends SIGKILL to init, which may have exited. */
  killInit(): void {
    this.#cgroup.killThawed(() => unlessReaped(() => this.#init.signal(SIGKILL)));
  }

  /** Kills what has outlived init, and waits until that is gone, which takes the kernel a moment. */
  async killRest(): Promise<void> {
    await this.#killAll(SIGKILL);
    for (const delay of backoff(DYING)) {
      if (!this.#cgroup.leftPids()?.length) return;
      await delay();
    }
  }

  /** Ends the calls of the runtime in flight; see {@linkcode PendingKills}. */
  async end(): Promise<void> {
    await this.#pending.end(processExited(this.#context.record.id));
  }

  /** Makes the runtime signal every process in the container's cgroup. */
  async #killAll(signal: number): Promise<void> {
    const { runtime, record } = this.#context;
    try {
      await this.#cgroup.suppressFreezeEvents(() =>
        this.#pending.run((abort) => runtime.kill(record.id, signal, { all: true, signal: abort }))
      );
    } catch (error) {
      if (!(error instanceof RuntimeError) || signal !== SIGKILL) throw error;
      // Of a threaded cgroup runc cannot read the processes, nor of any where its state is damaged.
      const cgroup = this.#cgroup.find();
      await this.#cgroup.suppressFreezeEvents(async () => {
        // One without a path has no processes to kill, and it is not known to be empty.
        const known = cgroup !== undefined && Object.keys(cgroup.paths).length > 0;
        if (!known || !await killUntilEmpty(cgroup)) throw error;
      });
    }
  }

  /** Whether processes of the container may have outlived its init. */
  get #outlived(): boolean {
    const { sharedPidNamespace } = this.#context.record;
    return sharedPidNamespace === true && this.#cgroup.leftPids()?.length !== 0;
  }
}
