// SPDX-License-Identifier: MIT
import { exitOf, type ProcessExit } from "../../oci/process_exit.ts";
import type { ContainerStatus, Event, ExecState } from "../../rpc/contract/schemas.ts";

/** An exec process. */
export interface KnownExec {
  readonly pid: number;
  readonly status: ExecState["status"];
  readonly exit?: ProcessExit;
}

/** An event, from the journal, on its way there, or from a shim. */
export type InstanceEvent =
  & Pick<
    Event,
    "type" | "timestamp" | "pid" | "execId" | "exitStatus" | "exitedAt" | "oom" | "newId"
  >
  & { readonly exitStatusUnknown?: boolean | undefined };

/** {@linkcode InstanceState} as the journal stores it. */
export interface StoredInstance {
  shimSeq: number;
  startedAt?: string | undefined;
  oomKills: number;
  running: [execId: string, pid: number][];
  initExited: boolean;
  deleted: boolean;
  renamedTo?: string | undefined;
}

/**
 * The state that the events of one instance of a container add up to: the only place that folds them.
 * The journal keeps one per instance, a container one of its published events and one of its processes.
 * Applying an event twice changes nothing.
 */
export class InstanceState {
  status: ContainerStatus = "created";
  /** Init's pid; 0 where it is not known. */
  pid = 0;
  startedAt: string | undefined;
  /** Whether init's exit was among the events. */
  initExited = false;
  /** How init ended, where that is known. */
  exit: ProcessExit | undefined;
  /** How many OOM kills there were. */
  oomKills = 0;
  /** Highest sequence number of the shim's own; 0 if none. */
  shimSeq = 0;
  deleted = false;
  /** The id that the last rename gave to the container; undefined if there was none. */
  renamedTo: string | undefined;
  /** The execs, by id. */
  readonly execs = new Map<string, KnownExec>();
  readonly #keep: "running" | "all";

  /** @param keep which execs to keep: those that run, which are few, or all. */
  constructor(keep: "running" | "all") {
    this.#keep = keep;
  }

  /** Reads the result of {@linkcode store}. */
  static load({ running, ...rest }: StoredInstance): InstanceState {
    const state = Object.assign(new InstanceState("running"), rest);
    for (const [execId, pid] of running) state.execs.set(execId, { pid, status: "running" });
    if (state.startedAt !== undefined) state.status = "running";
    if (state.initExited) state.status = "stopped";
    return state;
  }

  /** Returns the part that the journal keeps. */
  store(): StoredInstance {
    const { shimSeq, startedAt, oomKills, initExited, deleted, renamedTo } = this;
    return {
      shimSeq,
      startedAt,
      oomKills,
      running: this.running(),
      initExited,
      deleted,
      renamedTo,
    };
  }

  /** Returns the execs that were started and have not ended, with their pids. */
  running(): [execId: string, pid: number][] {
    const running = [...this.execs].filter(([, { status }]) => status === "running");
    return running.map(([execId, { pid }]) => [execId, pid]);
  }

  /** Applies an event. */
  apply(event: InstanceEvent, shimSeq = 0): void {
    this.shimSeq = Math.max(this.shimSeq, shimSeq);
    const { type, pid, execId } = event;
    switch (type) {
      case "create":
        this.pid = pid;
        break;
      case "start":
        this.pid = pid;
        this.startedAt = event.timestamp;
        if (this.status === "created") this.status = "running";
        break;
      case "exec-added":
        if (execId !== undefined && this.#keep === "all" && !this.execs.has(execId)) {
          this.execs.set(execId, { pid, status: "created" });
        }
        break;
      case "exec-started":
        if (execId !== undefined && this.execs.get(execId)?.exit === undefined) {
          this.execs.set(execId, { pid, status: "running" });
        }
        break;
      case "exit":
        this.recordExit(execId, exitOf(event), pid);
        break;
      case "paused":
        if (this.status === "running") this.status = "paused";
        break;
      case "resumed":
        if (this.status === "paused") this.status = "running";
        break;
      case "oom":
        this.oomKills = Math.max(this.oomKills, event.oom?.kills ?? this.oomKills + 1);
        break;
      case "delete":
        this.deleted = true;
        break;
      case "renamed":
        this.renamedTo = event.newId;
        break;
      case "checkpointed":
      case "restarting":
      case "restart-failed":
        break;
    }
  }

  /** Records that init, or an exec, has ended; the first record stays. */
  recordExit(execId: string | undefined, exit: ProcessExit | undefined, pid?: number): void {
    if (execId === undefined) {
      if (this.initExited) return;
      this.initExited = true;
      this.status = "stopped";
      this.exit = exit;
      if (pid !== undefined) this.pid = pid;
    } else if (this.#keep === "running") {
      this.execs.delete(execId);
    } else {
      const exec = this.execs.get(execId);
      if (exec?.exit !== undefined || exit === undefined) return;
      this.execs.set(execId, { pid: pid ?? exec?.pid ?? 0, status: "stopped", exit });
    }
  }
}
