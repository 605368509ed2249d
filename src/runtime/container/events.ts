// SPDX-License-Identifier: MIT
import { SIGKILL } from "../../linux/process/signals.ts";
import type { DeleteResult, ExitResult } from "../../rpc/contract/schemas.ts";
import type { ShimEvent } from "../../rpc/contract/shim.ts";
import type { Bundle } from "../bundle/bundle.ts";
import type { EventDraft, EventPublisher } from "../events/publisher.ts";
import type { ProcessTable } from "./process_table.ts";

/** What {@linkcode ContainerEvents} needs of its container. */
export interface ContainerEventsOptions {
  readonly bundle: Bundle;
  readonly processes: ProcessTable;
  readonly log: EventPublisher;
  /** Called before an exit is published. */
  readonly beforeExit: () => void;
  /** Lets the shim forget the events up to `seq`. */
  readonly ack: (seq: number) => void;
}

/** The events of one container: what its shim says, and what a dead shim cannot say any more. */
export class ContainerEvents {
  readonly #options: ContainerEventsOptions;
  #shimSeq: number;
  #oomKills: number;
  /** Execs that were told to have started and not to have ended: their pids. */
  readonly #running: Map<string, number>;
  #initExited: boolean;
  #deleted: boolean;

  constructor(options: ContainerEventsOptions) {
    this.#options = options;
    const { log, bundle } = options;
    const facts = log.journal.facts(bundle.record.instance);
    this.#shimSeq = facts.shimSeq;
    this.#oomKills = facts.oomKills;
    // From here on kept here: an event that a full disk holds back is not in the journal yet.
    this.#running = new Map(facts.running);
    this.#initExited = facts.exited.has("");
    this.#deleted = facts.deleted;
  }

  /** Number of the shim's last event that was taken over. */
  get shimSeq(): number {
    return this.#shimSeq;
  }

  /** Whether its create was told: of what never came that far nothing else is told either. */
  get createPublished(): boolean {
    return this.#shimSeq > 0;
  }

  /** Whether its delete was told, by this daemon or one before. */
  get deletePublished(): boolean {
    return this.#deleted;
  }

  /** OOM kills that have been published. */
  get oomKills(): number {
    return this.#oomKills;
  }

  /** Takes over one event of the shim; one that was taken over before is passed over. */
  ingest(event: ShimEvent): void {
    if (event.seq <= this.#shimSeq) return;
    this.#shimSeq = event.seq;
    if (event.type === "exit") {
      // A shim that took over knows from exit.json how init ended, but not who was told.
      if (event.execId === undefined && this.#initExited) return this.#options.ack(event.seq);
      this.#options.beforeExit();
      if (event.execId === undefined) this.#execExits();
      else if (!this.#running.has(event.execId)) return this.#options.ack(event.seq);
    }
    const { seq, exitStatusUnknown: _, ...rest } = event;
    this.publish({ ...rest, ...this.#names }, seq);
    // After the event is in the journal: who is woken by this finds it there.
    this.#options.processes.apply(event);
  }

  /** Publishes one event of this container. */
  publish(draft: EventDraft, shimSeq?: number): void {
    if (draft.oom !== undefined) this.#oomKills = draft.oom.kills;
    const { type, execId } = draft;
    if (type === "exec-started" && execId !== undefined) this.#running.set(execId, draft.pid);
    if (type === "exit") {
      if (execId === undefined) this.#initExited = true;
      else this.#running.delete(execId);
    }
    this.#options.log.publish(draft, shimSeq, () => {
      if (shimSeq !== undefined) this.#options.ack(shimSeq);
    });
  }

  /** Says the exits that a dead shim cannot say any more, init's last, each only once. */
  publishSyntheticExits(): void {
    const { bundle, processes } = this.#options;
    if (!this.createPublished || this.#initExited) return;
    const recorded = bundle.exitRecord();
    const killed = { exitStatus: 128 + SIGKILL, exitedAt: new Date().toISOString() };
    this.#options.beforeExit();
    this.#execExits();
    const pid = recorded?.pid ?? processes.pid;
    // For whoever has to tell the delete, should this daemon not come to that.
    if (recorded === undefined) bundle.recordExit({ pid, ...killed });
    this.#exit(pid, recorded ?? killed, undefined);
  }

  /**
   * Says the exits of execs that nobody has told of when init's is to be told: an exec of which a
   * shim that took over knows nothing, or that outlived init. Should one be told later, it was told.
   */
  #execExits(): void {
    const killed = { exitStatus: 128 + SIGKILL, exitedAt: new Date().toISOString() };
    for (const [execId, pid] of [...this.#running]) this.#exit(pid, killed, execId);
  }

  #exit(pid: number, { exitStatus, exitedAt }: ExitResult, execId: string | undefined): void {
    this.publish({
      timestamp: new Date().toISOString(),
      type: "exit",
      ...this.#names,
      pid,
      ...(execId === undefined ? {} : { execId }),
      exitStatus,
      exitedAt,
      synthetic: true,
    });
    this.#options.processes.recordExit(execId, { exitStatus, exitedAt }, pid);
  }

  /** Says that the container is gone, once. */
  publishDelete(how: DeleteResult): void {
    if (!this.createPublished || this.#deleted) return;
    this.#deleted = true;
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
