// SPDX-License-Identifier: MIT
import type { Event } from "../../rpc/contract/schemas.ts";
import { InstanceState, type StoredInstance } from "./instance_state.ts";

/** How many deleted instances are remembered: some whose bundle is perhaps not removed yet. */
const MAX_DELETED = 256;

/**
 * The state of every instance that is in the journal, also from events that have rotated away.
 * Bounded by the number of containers: a deleted instance is forgotten some time after.
 */
export class InstanceSnapshots {
  readonly #states = new Map<string, InstanceState>();
  #deleted: string[] = [];

  /** Reads the text of {@linkcode serialize}. Returns undefined if it is damaged. */
  static parse(text: string): InstanceSnapshots | undefined {
    const table = new InstanceSnapshots();
    try {
      const stored: [string, StoredInstance][] = JSON.parse(text);
      for (const [instance, record] of stored) {
        table.#states.set(instance, InstanceState.load(record));
        if (record.deleted) table.#deleted.push(instance);
      }
      return table;
    } catch (error) {
      // A file that this class did not write, or not to its end.
      if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
      throw error;
    }
  }

  /** Returns the table as text. */
  serialize(): string {
    return JSON.stringify(Array.from(this.#states, ([id, state]) => [id, state.store()]));
  }

  /** Applies an event. */
  apply(event: Omit<Event, "seq">, shimSeq: number | undefined): void {
    let state = this.#states.get(event.instance);
    if (state === undefined) {
      state = new InstanceState("running");
      this.#states.set(event.instance, state);
    }
    const before = state.deleted;
    state.apply(event, shimSeq);
    if (event.replaces !== undefined) this.#replace(event.replaces);
    if (state.deleted && !before) this.#forgetLater(event.instance);
  }

  /** Nothing more happens to an instance in whose place there is another. */
  #replace(instance: string): void {
    const state = this.#states.get(instance);
    if (state === undefined || state.deleted) return;
    state.deleted = true;
    this.#forgetLater(instance);
  }

  #forgetLater(instance: string): void {
    this.#deleted.push(instance);
    if (this.#deleted.length <= MAX_DELETED) return;
    const forgotten = this.#deleted.shift();
    if (forgotten !== undefined) this.#states.delete(forgotten);
  }

  /** Returns a copy of an instance's state; nothing has happened to one that is not known. */
  get(instance: string): InstanceState {
    const state = this.#states.get(instance);
    return state === undefined ? new InstanceState("running") : InstanceState.load(state.store());
  }
}
