// SPDX-License-Identifier: MIT
import { exitOf, type ProcessExit } from "../../oci/process_exit.ts";
import { type BerthError, NotFoundError } from "../../rpc/errors.ts";
import type { ContainerStatus, ExecState } from "../../rpc/contract/schemas.ts";
import type { ShimState } from "../../rpc/contract/shim.ts";
import { type InstanceEvent, InstanceState } from "../events/instance_state.ts";

/**
 * The processes of one container as the daemon knows them: the last `shim.state` and every event since.
 * State, list and wait are answered from it without asking the shim, so that an unresponsive one slows no
 * client.
 */
export class ProcessTable {
  readonly #state = new InstanceState("all");
  readonly #waiters = new Map<string, Set<PromiseWithResolvers<ProcessExit>>>();
  /** The error of waits for what cannot end any more. */
  #gone: BerthError | undefined;

  get status(): ContainerStatus {
    return this.#state.status;
  }

  /** Whether init runs, or is paused. */
  get isAlive(): boolean {
    return this.status === "running" || this.status === "paused";
  }

  /** Init's pid; 0 where it is not known. */
  get pid(): number {
    return this.#state.pid;
  }

  get startedAt(): string | undefined {
    return this.#state.startedAt;
  }

  /** How init ended. */
  get exit(): ProcessExit | undefined {
    return this.#state.exit;
  }

  /** Sets the state that is known before the shim has answered. */
  presume(pid: number, startedAt: string | undefined): void {
    this.#state.pid = pid;
    if (startedAt === undefined) return;
    this.#state.startedAt = startedAt;
    this.#state.status = "running";
  }

  /**
   * Replaces the whole table with the state that the shim returns. What has ended stays so: the event
   * of an exit may come in before the answer of a moment earlier is looked at.
   */
  load(state: ShimState): void {
    const known = this.#state;
    if (
      !known.initExited && state.status !== "none" && state.status !== "creating" &&
      state.status !== "deleted"
    ) {
      known.status = state.status;
    }
    if (state.pid > 0) known.pid = state.pid;
    // Clients have the event's time so far; the shim noted its own a moment before.
    known.startedAt ??= state.startedAt;
    const exit = exitOf(state);
    if (exit !== undefined) this.recordExit(undefined, exit);
    const listed = new Set(state.processes.map((process) => process.execId));
    for (const execId of known.execs.keys()) {
      if (!listed.has(execId)) known.execs.delete(execId);
    }
    for (const { execId, pid, status, ...exited } of state.processes) {
      if (known.execs.get(execId)?.exit === undefined) known.execs.set(execId, { pid, status });
      const exit = exitOf(exited);
      if (exit !== undefined) this.recordExit(execId, exit);
    }
  }

  /** Applies an event. Applying it twice changes nothing. */
  apply(event: InstanceEvent): void {
    this.#state.apply(event);
    if (event.type === "exit") this.#wake(event.execId);
  }

  /** Records the exit of init or of an exec, and resolves the pending waits. */
  recordExit(execId: string | undefined, exit: ProcessExit): void {
    // A record of an exit has more members, which are not for those that ask how it ended.
    this.#state.recordExit(execId, exitOf(exit));
    this.#wake(execId);
  }

  #exitOf(execId: string | undefined): ProcessExit | undefined {
    return execId === undefined ? this.#state.exit : this.#state.execs.get(execId)?.exit;
  }

  #wake(execId: string | undefined): void {
    const exit = this.#exitOf(execId);
    if (exit === undefined) return;
    for (const { resolve } of this.#waiters.get(execId ?? "") ?? []) resolve(exitOf(exit));
  }

  /** Rejects the waits for what has not ended, also later ones: nothing is left that could end. */
  release(error: BerthError): void {
    this.#gone = error;
    for (const waiters of this.#waiters.values()) {
      for (const { reject } of waiters) reject(error);
    }
  }

  /** Forgets an exec. */
  forget(execId: string): void {
    this.#state.execs.delete(execId);
  }

  /** Number of execs that have not been deleted. */
  get execCount(): number {
    return this.#state.execs.size;
  }

  /** Returns whether an exec is known. */
  hasExec(execId: string): boolean {
    return this.#state.execs.has(execId);
  }

  /** Returns every exec, in the order they were added. */
  execs(): ExecState[] {
    return Array.from(this.#state.execs, ([execId, { pid, status, exit }]) => ({
      execId,
      pid,
      status,
      ...(exit ? exitOf(exit) : {}),
    }));
  }

  /**
   * Waits until init, or an exec, has ended; returns at once if it already has.
   *
   * @throws {NotFoundError} if there is no such exec, or the container is removed before any exit.
   */
  wait(id: string, execId: string | undefined, signal?: AbortSignal): Promise<ProcessExit> {
    if (execId !== undefined && !this.hasExec(execId)) {
      throw new NotFoundError(`container ${id} has no exec ${execId}`, { data: { id, execId } });
    }
    const exit = this.#exitOf(execId);
    if (exit !== undefined) return Promise.resolve(exitOf(exit));
    return this.#waitForExit(execId, signal);
  }

  async #waitForExit(execId: string | undefined, signal?: AbortSignal): Promise<ProcessExit> {
    signal?.throwIfAborted();
    if (this.#gone !== undefined) throw this.#gone;
    const key = execId ?? "";
    const waiters = this.#waiters.get(key) ?? new Set();
    this.#waiters.set(key, waiters);
    const waiter = Promise.withResolvers<ProcessExit>();
    const abort = () => waiter.reject(signal?.reason);
    waiters.add(waiter);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await waiter.promise;
    } finally {
      // A connection's signal outlives its waits: a listener that stays on it would never be freed.
      signal?.removeEventListener("abort", abort);
      waiters.delete(waiter);
      if (waiters.size === 0) this.#waiters.delete(key);
    }
  }
}
