// SPDX-License-Identifier: MIT
import type { Event } from "../../rpc/contract/schemas.ts";

/** What the journal knows of one instance of a container, for whoever takes it up after a restart. */
export interface InstanceSnapshot {
  /** Highest sequence number of the shim's own that is in the journal; 0 if none. */
  readonly shimSeq: number;
  /** When init was started, if it was. */
  readonly startedAt?: string;
  /** How many OOM kills were recorded. */
  readonly oomKills: number;
  /** Pid of each exec that was started and whose exit was not recorded, by its execId. */
  readonly running: ReadonlyMap<string, number>;
  /**
   * Whether no exit is left to record of an exec, or with `""` of init: it is in the journal, or
   * the exec was never said to have started.
   */
  readonly exited: { has(execId: string): boolean };
  /** Whether its delete was recorded. */
  readonly deleted: boolean;
}

/** {@linkcode InstanceSnapshot} as they are stored. */
interface StoredFacts {
  shimSeq: number;
  startedAt?: string;
  oomKills: number;
  running: [execId: string, pid: number][];
  initExited: boolean;
  deleted: boolean;
}

/** How many deleted instances are remembered: some whose bundle is perhaps not removed yet. */
const MAX_DELETED = 256;

class MutableSnapshot implements InstanceSnapshot {
  shimSeq = 0;
  startedAt?: string;
  oomKills = 0;
  readonly running = new Map<string, number>();
  initExited = false;
  deleted = false;
  readonly exited = {
    has: (execId: string) => execId === "" ? this.initExited : !this.running.has(execId),
  };

  apply(event: Omit<Event, "seq">, shimSeq: number | undefined): void {
    if (shimSeq !== undefined && shimSeq > this.shimSeq) this.shimSeq = shimSeq;
    switch (event.type) {
      case "start":
        this.startedAt ??= event.timestamp;
        break;
      case "exec-started":
        if (event.execId !== undefined) this.running.set(event.execId, event.pid);
        break;
      case "exit":
        if (event.execId === undefined) this.initExited = true;
        else this.running.delete(event.execId);
        break;
      case "oom":
        this.oomKills = Math.max(this.oomKills + 1, event.oom?.kills ?? 0);
        break;
      case "delete":
        this.deleted = true;
        break;
    }
  }
}

/**
 * What is known of every instance that is in the journal, also of events that have rotated away.
 * Bounded by what there is: a deleted instance is forgotten some time after.
 */
export class InstanceSnapshots {
  readonly #facts = new Map<string, MutableSnapshot>();
  #deleted: string[] = [];

  /** Reads what {@linkcode serialize} made. Undefined if it is damaged. */
  static parse(text: string): InstanceSnapshots | undefined {
    const table = new InstanceSnapshots();
    try {
      const stored: [string, StoredFacts][] = JSON.parse(text);
      for (const [instance, { running, ...rest }] of stored) {
        const facts = Object.assign(new MutableSnapshot(), rest);
        for (const [execId, pid] of running) facts.running.set(execId, pid);
        table.#facts.set(instance, facts);
        if (facts.deleted) table.#deleted.push(instance);
      }
      return table;
    } catch (error) {
      // A file that this class did not write, or not to its end.
      if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
      throw error;
    }
  }

  /** The table as text. */
  serialize(): string {
    const stored = Array.from(this.#facts, ([instance, facts]): [string, StoredFacts] => [
      instance,
      {
        shimSeq: facts.shimSeq,
        ...(facts.startedAt === undefined ? {} : { startedAt: facts.startedAt }),
        oomKills: facts.oomKills,
        running: [...facts.running],
        initExited: facts.initExited,
        deleted: facts.deleted,
      },
    ]);
    return JSON.stringify(stored);
  }

  /** Takes an event into account. */
  apply(event: Omit<Event, "seq">, shimSeq: number | undefined): void {
    let facts = this.#facts.get(event.instance);
    if (facts === undefined) {
      facts = new MutableSnapshot();
      this.#facts.set(event.instance, facts);
    }
    const before = facts.deleted;
    facts.apply(event, shimSeq);
    if (facts.deleted && !before) {
      this.#deleted.push(event.instance);
      if (this.#deleted.length > MAX_DELETED) {
        const forgotten = this.#deleted.shift();
        if (forgotten !== undefined) this.#facts.delete(forgotten);
      }
    }
  }

  /** What is known of an instance; nothing has happened to one that is not known. */
  get(instance: string): InstanceSnapshot {
    return this.#facts.get(instance) ?? new MutableSnapshot();
  }
}
