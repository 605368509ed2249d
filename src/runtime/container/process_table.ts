// SPDX-License-Identifier: MIT
import { NotFoundError } from "../../rpc/errors.ts";
import type { ContainerStatus, ExecState, ExitResult } from "../../rpc/contract/schemas.ts";
import type { ShimEvent, ShimState } from "../../rpc/contract/shim.ts";

/** How a process ended, and whether anybody saw it. */
export interface KnownExit extends ExitResult {
  readonly exitStatusUnknown?: boolean;
}

/** An exec process as the daemon knows it. */
interface ExecMirror {
  pid: number;
  status: ExecState["status"];
  exit?: KnownExit;
}

/**
 * What the daemon knows of one container's processes: the last `shim.state` and every event since.
 * It answers state, list and wait without asking the shim, so that a wedged one slows nobody.
 */
export class ProcessTable {
  status: ContainerStatus = "created";
  pid = 0;
  startedAt: string | undefined;
  exit: KnownExit | undefined;
  readonly #execs = new Map<string, ExecMirror>();
  readonly #waiters = new Map<string, Set<(exit: ExitResult) => void>>();

  /** Takes over what the shim says as a whole. */
  load(state: ShimState): void {
    if (state.status !== "none" && state.status !== "creating" && state.status !== "deleted") {
      this.status = state.status;
    }
    if (state.pid > 0) this.pid = state.pid;
    // The event's time is what was answered so far; the shim noted its own a moment before.
    this.startedAt ??= state.startedAt;
    if (state.exitStatus !== undefined && state.exitedAt !== undefined) {
      this.recordExit(undefined, {
        exitStatus: state.exitStatus,
        exitedAt: state.exitedAt,
        ...(state.exitStatusUnknown ? { exitStatusUnknown: true } : {}),
      });
    }
    const listed = new Set(state.processes.map((process) => process.execId));
    for (const execId of this.#execs.keys()) {
      if (!listed.has(execId)) this.#execs.delete(execId);
    }
    for (const { execId, pid, status, exitStatus, exitedAt } of state.processes) {
      this.#execs.set(execId, { pid, status });
      if (exitStatus !== undefined && exitedAt !== undefined) {
        this.recordExit(execId, { exitStatus, exitedAt });
      }
    }
  }

  /** Takes over one event; taking it over twice changes nothing. */
  apply(event: ShimEvent): void {
    switch (event.type) {
      case "create":
        this.pid = event.pid;
        break;
      case "start":
        this.pid = event.pid;
        this.startedAt = event.timestamp;
        if (this.status === "created") this.status = "running";
        break;
      case "exec-added":
        if (event.execId !== undefined && !this.#execs.has(event.execId)) {
          this.#execs.set(event.execId, { pid: event.pid, status: "created" });
        }
        break;
      case "exec-started": {
        if (event.execId === undefined) break;
        const exec = this.#execs.get(event.execId);
        if (exec?.exit === undefined) {
          this.#execs.set(event.execId, { pid: event.pid, status: "running" });
        }
        break;
      }
      case "exit":
        if (event.exitStatus !== undefined && event.exitedAt !== undefined) {
          this.recordExit(event.execId, {
            exitStatus: event.exitStatus,
            exitedAt: event.exitedAt,
            ...(event.exitStatusUnknown ? { exitStatusUnknown: true } : {}),
          }, event.pid);
        }
        break;
      case "paused":
        if (this.status === "running") this.status = "paused";
        break;
      case "resumed":
        if (this.status === "paused") this.status = "running";
        break;
      case "oom":
      case "checkpointed":
      case "delete":
        break;
    }
  }

  /** Records how init, or an exec, ended and answers who waits for it. */
  recordExit(execId: string | undefined, exit: KnownExit, pid?: number): void {
    if (execId === undefined) {
      if (this.exit !== undefined) return;
      this.exit = exit;
      this.status = "stopped";
      if (pid !== undefined) this.pid = pid;
    } else {
      const exec = this.#execs.get(execId);
      if (exec?.exit !== undefined) return;
      this.#execs.set(execId, { pid: pid ?? exec?.pid ?? 0, status: "stopped", exit });
    }
    const key = execId ?? "";
    const waiters = this.#waiters.get(key);
    this.#waiters.delete(key);
    for (const resolve of waiters ?? []) resolve(exitResult(exit));
  }

  /** Forgets an exec. */
  forget(execId: string): void {
    this.#execs.delete(execId);
  }

  /** Every exec, in the order they were added. */
  execs(): ExecState[] {
    return Array.from(this.#execs, ([execId, { pid, status, exit }]) => ({
      execId,
      pid,
      status,
      ...(exit ? { exitStatus: exit.exitStatus, exitedAt: exit.exitedAt } : {}),
    }));
  }

  /**
   * Answers when init, or an exec, has ended; at once if it already has.
   *
   * @throws {NotFoundError} if there is no such exec.
   */
  wait(id: string, execId: string | undefined, signal?: AbortSignal): Promise<ExitResult> {
    const exec = execId === undefined ? undefined : this.#execs.get(execId);
    if (execId !== undefined && exec === undefined) {
      throw new NotFoundError(`container ${id} has no exec ${execId}`, { data: { id, execId } });
    }
    const exit = execId === undefined ? this.exit : exec?.exit;
    if (exit !== undefined) return Promise.resolve(exitResult(exit));
    const key = execId ?? "";
    const waiters = this.#waiters.get(key) ?? new Set();
    this.#waiters.set(key, waiters);
    const { promise, resolve, reject } = Promise.withResolvers<ExitResult>();
    const abort = () => {
      waiters.delete(waiter);
      if (waiters.size === 0 && this.#waiters.get(key) === waiters) this.#waiters.delete(key);
      reject(signal?.reason);
    };
    const waiter = (result: ExitResult) => {
      signal?.removeEventListener("abort", abort);
      resolve(result);
    };
    waiters.add(waiter);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    return promise;
  }
}

function exitResult({ exitStatus, exitedAt }: KnownExit): ExitResult {
  return { exitStatus, exitedAt };
}
