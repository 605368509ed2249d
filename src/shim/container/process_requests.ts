// SPDX-License-Identifier: MIT
import type { ShimState } from "../../rpc/contract/shim.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { signalNumber } from "../../rpc/signal_param.ts";
import type { ExitFuture } from "../exit/exit_future.ts";
import { exitOf } from "../../oci/process_exit.ts";
import type { ProcessExit } from "../../oci/process_exit.ts";
import { nameOf, processExited, targetData } from "../process/process_errors.ts";
import type { Exec } from "../exec/exec_process.ts";
import type { Execs } from "../exec/execs.ts";
import type { InitProcess } from "../init/init_process.ts";
import { signaling } from "../process/signal.ts";
import { wrongExecState } from "../states/exec_states.ts";
import { wrongState } from "../states/init_states.ts";
import type { ContainerKiller } from "./container_killer.ts";
import type { ShimCgroup } from "./shim_cgroup.ts";

/** A process of the container by name: init where `execId` is left out. */
export interface ProcessTarget {
  readonly execId?: string | undefined;
}

/** A signal for a process, or with `all` for every process in the container. */
export interface KillTarget extends ProcessTarget {
  readonly signal: number | string;
  readonly all?: boolean | undefined;
}

/** The parts of a container's shim that requests for its processes work with. */
export interface ProcessRequestsOptions {
  /** Id of the container. */
  readonly id: string;
  readonly init: InitProcess;
  readonly execs: Execs;
  readonly cgroup: ShimCgroup;
  readonly killer: ContainerKiller;
  /** Resolves when init's exit is published. */
  readonly exit: ExitFuture;
}

/**
 * The requests about the container's processes that must work while another one hangs. They take no
 * lock, and apart from `wait` and a kill of all processes they complete without waiting.
 */
export class ProcessRequests {
  readonly #options: ProcessRequestsOptions;

  constructor(options: ProcessRequestsOptions) {
    this.#options = options;
  }

  /** Returns the state of the container. */
  state(): ShimState {
    const { init, execs, cgroup } = this.#options;
    cgroup.syncFreezerState();
    const { state } = init;
    return {
      status: state.name,
      pid: init.pid,
      ...("startedAt" in state && state.startedAt !== undefined
        ? { startedAt: state.startedAt }
        : {}),
      ...("exit" in state ? state.exit : {}),
      processes: execs.describe(),
    };
  }

  /** Waits for a process to exit and returns how. Returns at once if it has exited. */
  async wait({ execId }: ProcessTarget, signal?: AbortSignal): Promise<ProcessExit> {
    const exit = execId === undefined ? this.#options.exit : this.#options.execs.get(execId).exit;
    return exitOf(await exit.wait(signal));
  }

  /**
   * Sends a signal to a process, or to all in the container. SIGKILL also reaches a paused container,
   * which is thawed so that it can die.
   *
   * @throws {NotFoundError} if the process has exited.
   */
  async kill({ execId, signal, all }: KillTarget): Promise<void> {
    const { id, execs, killer } = this.#options;
    const number = signalNumber(signal);
    if (execId === undefined) return await killer.kill(number, all === true);
    const exec = execs.get(execId);
    const { name } = exec.state;
    if (name === "created" || name === "starting") {
      throw wrongExecState(id, execId, "signal", name);
    }
    if (name !== "running") throw processExited(id, execId);
    signaling(id, execId, () => exec.signal(number));
  }

  /**
   * Sets the size of a process's terminal, in characters.
   *
   * @throws {FailedPreconditionError} if the process has exited or has no terminal.
   */
  resizePty({ execId, width, height }: ProcessTarget & { width: number; height: number }): void {
    const { id } = this.#options;
    const process = this.#get(execId);
    const { name } = process.state;
    if (name === "stopped" || name === "deleted" || !process.io?.resize(width, height)) {
      const reason = process.io?.consoleSocket === undefined ? "it has none" : `it is ${name}`;
      throw new FailedPreconditionError(
        `cannot resize the terminal of ${nameOf(id, execId)}: ${reason}`,
        { data: targetData(id, execId) },
      );
    }
  }

  /**
   * Closes the shim's end of a process's stdin.
   *
   * @throws {FailedPreconditionError} if the container has not been created.
   */
  closeStdin({ execId }: ProcessTarget): void {
    const { id, init } = this.#options;
    const process = this.#get(execId);
    if (process.io === undefined && process.state.name !== "deleted") {
      throw wrongState(id, "close the stdin of", init.state.name);
    }
    process.io?.closeStdin();
  }

  /** Resolves when all output of a process was copied to where it goes. */
  async waitForOutput({ execId }: ProcessTarget): Promise<void> {
    await this.#get(execId).io?.copied();
  }

  /**
   * Lists every process in the container's cgroup.
   *
   * @throws {FailedPreconditionError} if the container has no cgroup.
   */
  pids(): { processes: { pid: number; execId?: string }[] } {
    const { id, init, execs, cgroup } = this.#options;
    const pids = cgroup.pids();
    if (pids === undefined) throw wrongState(id, "list the processes of", init.state.name);
    const execIds = execs.byPid();
    const processes = pids.map((pid) => {
      const execId = execIds.get(pid);
      return execId === undefined ? { pid } : { pid, execId };
    });
    return { processes };
  }

  #get(execId: string | undefined): InitProcess | Exec {
    return execId === undefined ? this.#options.init : this.#options.execs.get(execId);
  }
}
