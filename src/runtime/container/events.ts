// SPDX-License-Identifier: MIT
import { SIGKILL } from "../../linux/process/signals.ts";
import { exitOf, type ProcessExit, unseenExit } from "../../oci/process_exit.ts";
import type { DeleteResult } from "../../rpc/contract/schemas.ts";
import type { NetworkState } from "../../rpc/contract/schemas/network.ts";
import type { ShimEvent } from "../../rpc/contract/shim.ts";
import type { Bundle } from "../bundle/bundle.ts";
import type { InstanceState } from "../events/instance_state.ts";
import type { EventDraft } from "../events/journal.ts";
import type { EventPublisher } from "../events/publisher.ts";
import { logFailure } from "../util/log_failure.ts";
import type { ProcessTable } from "./process_table.ts";

/** How {@linkcode ContainerEvents} is set up. */
export interface ContainerEventsOptions {
  readonly bundle: Bundle;
  readonly processes: ProcessTable;
  readonly log: EventPublisher;
  /** Returns the container's network, if it has one. */
  readonly network: () => NetworkState | undefined;
  /** Whether the container is only defined: its create was published, perhaps before a reboot. */
  readonly isResting: boolean;
  /** Called before an exit is published. */
  readonly beforeExit: () => void;
  /** Lets the shim forget the events up to `seq`. */
  readonly ack: (seq: number) => void;
}

/** Publishes the events of one container: those of its shim, and those that a dead shim cannot send. */
export class ContainerEvents {
  readonly #options: ContainerEventsOptions;
  /**
   * The state by the events that were published, by this daemon or one before: an event that a full disk
   * holds back is in here, and not in the journal yet.
   */
  readonly #published: InstanceState;

  constructor(options: ContainerEventsOptions) {
    this.#options = options;
    const { log, bundle } = options;
    this.#published = log.journal.facts(bundle.record.instance);
  }

  /** Number of the shim's last event that was taken over. */
  get shimSeq(): number {
    return this.#published.shimSeq;
  }

  /** When init was started, if that was published. */
  get startedAt(): string | undefined {
    return this.#published.startedAt;
  }

  /** Whether the create was published: without it no other event of the container is published either. */
  get createPublished(): boolean {
    return this.#options.isResting || this.#published.shimSeq > 0;
  }

  /** Whether the delete was published, by this daemon or one before. */
  get deletePublished(): boolean {
    return this.#published.deleted;
  }

  /** OOM kills that have been published. */
  get oomKills(): number {
    return this.#published.oomKills;
  }

  /** Publishes an event of the shim, unless it was published before. */
  ingest(event: ShimEvent): void {
    if (event.seq <= this.#published.shimSeq) return;
    if (event.type === "exit") {
      if (this.#hasExited(event.execId)) return this.#pass(event.seq);
      this.#beforeExit();
      if (event.execId === undefined) this.#execExits();
    }
    const { seq, ...rest } = event;
    const { replaces } = this.#options.bundle.record;
    const isCreate = event.type === "create";
    this.publish({
      ...rest,
      ...this.#names,
      ...(isCreate && { network: this.#options.network(), replaces }),
    }, seq);
    // After the event is in the journal: a waiter that is woken by this finds it there.
    this.#options.processes.apply(event);
  }

  /**
   * Returns whether the exit was published, or the exec's start never was. A shim that took over
   * knows from exit.json how init ended, but not whether the exit was published.
   */
  #hasExited(execId: string | undefined): boolean {
    const { initExited, execs } = this.#published;
    return execId === undefined ? initExited : execs.get(execId)?.status !== "running";
  }

  /** Passes over an event that need not be published. */
  #pass(seq: number): void {
    this.#published.shimSeq = seq;
    this.#options.ack(seq);
  }

  /** Calls `beforeExit`. Never throws: the exit would be lost, and its waits would never end. */
  #beforeExit(): void {
    try {
      this.#options.beforeExit();
    } catch (error) {
      const { id } = this.#options.bundle;
      logFailure("warn", "oom", "{id}: an OOM kill may go unnoticed: {reason}", error, { id });
    }
  }

  /** Publishes one event of this container. */
  publish(draft: EventDraft, shimSeq?: number): void {
    this.#published.apply(draft, shimSeq);
    const { labels } = this.#options.bundle.record;
    const labeled = Object.keys(labels).length === 0 ? draft : { ...draft, labels };
    this.#options.log.publish(labeled, shimSeq, () => {
      if (shimSeq !== undefined) this.#options.ack(shimSeq);
    });
  }

  /**
   * Publishes the exits that a dead shim cannot publish any more, init's last, each only once. Processes
   * whose pid is in `killed` were alive until they were killed; the status of the others is unknown.
   */
  publishSyntheticExits(killed: ReadonlySet<number> = new Set()): void {
    const { bundle, processes } = this.#options;
    if (!this.createPublished || this.#published.initExited) return;
    const recorded = bundle.exitRecord();
    this.#beforeExit();
    this.#execExits(killed);
    const pid = recorded?.pid ?? processes.pid;
    const exit = recorded ?? untoldExit(pid, killed);
    // For the next daemon, which publishes the delete if this one does not come to that.
    if (recorded === undefined) bundle.recordExit({ pid, ...exit });
    this.#exit(pid, exit, undefined);
  }

  /**
   * Publishes the exits of execs that are not published yet when init's is to be published: an exec of
   * which a shim that took over knows nothing, or that outlived init. One told later was published.
   */
  #execExits(killed: ReadonlySet<number> = new Set()): void {
    for (const [execId, pid] of this.#published.running()) {
      this.#exit(pid, untoldExit(pid, killed), execId);
    }
  }

  #exit(pid: number, exit: ProcessExit, execId: string | undefined): void {
    const draft: EventDraft = {
      timestamp: new Date().toISOString(),
      type: "exit",
      ...this.#names,
      pid,
      execId,
      ...exitOf(exit),
      synthetic: true,
    };
    this.publish(draft);
    this.#options.processes.apply(draft);
  }

  /** Publishes that the container is gone, once. */
  publishDelete(how: DeleteResult): void {
    if (!this.createPublished || this.#published.deleted) return;
    this.publish({
      timestamp: new Date().toISOString(),
      type: "delete",
      ...this.#names,
      ...how,
    });
  }

  get #names(): { id: string; instance: string } {
    const { id, instance } = this.#options.bundle.record;
    return { id, instance };
  }
}

/** Returns how a process ended without its shim: known only of one in `killed`. */
function untoldExit(pid: number, killed: ReadonlySet<number>): ProcessExit {
  if (!killed.has(pid)) return unseenExit();
  return { exitStatus: 128 + SIGKILL, exitedAt: new Date().toISOString() };
}
