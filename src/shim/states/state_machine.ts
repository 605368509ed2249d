// SPDX-License-Identifier: MIT
import { IllegalTransitionError } from "../../illegal_transition.ts";

/** Where each event leads from each state; an event that a state does not list is illegal there. */
export type TransitionTable<Name extends string, EventType extends string> = Readonly<
  Record<Name, Readonly<Partial<Record<EventType, Name>>>>
>;

/** The states of a thing, the events that change them, and the table that says how. */
export interface Lifecycle<
  State extends { readonly name: string },
  Event extends { readonly type: string },
> {
  readonly initial: State;
  readonly table: TransitionTable<State["name"], Event["type"]>;
  /** Builds the state `name` from what the previous state and the event know. */
  readonly enter: (name: State["name"], previous: State, event: Event) => State;
}

/** Returns what a state that is entered has to know: the table lets no event lead there without it. */
export function known<T>(fact: T | undefined): T {
  if (fact === undefined) throw new Error("unreachable: a state was entered too early");
  return fact;
}

/** Holds the current state of one thing. Only {@linkcode transition} changes it. */
export class StateMachine<
  State extends { readonly name: string },
  Event extends { readonly type: string },
> {
  readonly #lifecycle: Lifecycle<State, Event>;
  readonly #subject: string;
  readonly #log: (message: string) => void;
  #state: State;

  /**
   * @param subject names the thing in messages.
   * @param log receives the message of an illegal transition.
   */
  constructor(
    lifecycle: Lifecycle<State, Event>,
    subject: string,
    log: (message: string) => void,
  ) {
    this.#lifecycle = lifecycle;
    this.#subject = subject;
    this.#log = log;
    this.#state = lifecycle.initial;
  }

  /** The current state. */
  get state(): State {
    return this.#state;
  }

  /**
   * Moves to the state to which the table says that `event` leads.
   *
   * @throws {IllegalTransitionError} if the table has none; the error is logged and the state kept.
   */
  transition(event: Event): void {
    const { table, enter } = this.#lifecycle;
    const { name }: { readonly name: State["name"] } = this.#state;
    const type: Event["type"] = event.type;
    const target = table[name][type];
    if (target === undefined) {
      const error = new IllegalTransitionError(this.#subject, name, type);
      this.#log(error.message);
      throw error;
    }
    this.#state = enter(target, this.#state, event);
  }
}
