// SPDX-License-Identifier: MIT
import { SIGKILL, SIGTERM } from "../../src/linux/process/signals.ts";
import type { Event } from "../../src/rpc/contract/schemas.ts";
import type { Command } from "./commands.ts";

/** The status of what SIGKILL ended, and the guess where the end was not observed. */
const KILLED = 128 + SIGKILL;

/** How far apart the ends of a container's init and of an exec that it takes along are told, ms. */
const TAKES_ALONG = 5_000;

/** How long after a start init may take to execute its program, in milliseconds. */
const EXECUTES = 5_000;

/** What was done, and when first, in milliseconds: what comes after an exit has not caused it. */
type Done = Map<number | "start" | "delete" | "lose shim", number>;

/** What is known of a container, by its instance. */
interface Known {
  readonly execs: Map<string, KnownExec>;
  readonly done: Done;
  /** Signals to all of its processes, which are in {@linkcode done} too. */
  readonly toAll: Done;
  command?: Command;
}

interface KnownExec {
  readonly command: Command;
  readonly done: Done;
}

/** What was done to containers, and so which exit statuses they and their execs may have. */
export class ExitStatuses {
  readonly #known = new Map<string, Known>();
  readonly #killed = new Set<number>();

  /** A container is there; what was not seen was never started either. */
  seen(instance: string, command: Command | undefined): void {
    if (command !== undefined) this.#of(instance).command = command;
  }

  /** It is about to be started. */
  starting(instance: string): void {
    note(this.#of(instance).done, "start");
  }

  /** An exec is about to be started. */
  executing(instance: string, execId: string, command: Command): void {
    this.#of(instance).execs.set(execId, { command, done: new Map() });
  }

  /** An exec is about to get a signal. */
  signalingExec(instance: string, execId: string, signal: number): void {
    const exec = this.#of(instance).execs.get(execId);
    if (exec !== undefined) note(exec.done, signal);
  }

  /** Init, or with `all` every process, is about to get a signal. */
  signaling(instance: string, signal: number, all: boolean): void {
    const known = this.#of(instance);
    note(known.done, signal);
    if (all) note(known.toAll, signal);
  }

  /** It is about to be deleted in a way that kills it if it lives. */
  deleting(instance: string): void {
    note(this.#of(instance).done, "delete");
  }

  /** What looks after it was killed, at `at` milliseconds. */
  lostShim(instance: string, at = Date.now()): void {
    note(this.#of(instance).done, "lose shim", at);
  }

  /** This process was killed. */
  killed(pid: number): void {
    this.#killed.add(pid);
  }

  /**
   * What is wrong with the exits in the history of one instance; nothing if each was caused. The
   * instance that it replaces was asked about before.
   */
  *uncaused(events: readonly Event[]): Generator<string> {
    const created = events.find(({ type }) => type === "create");
    if (created?.replaces !== undefined) this.#startedAgain(created, created.replaces);
    const start = events.find(({ type }) => type === "start");
    const init = events.find(({ type, execId }) => type === "exit" && execId === undefined);
    for (const event of events) {
      const { type, instance, execId, exitStatus, exitedAt, synthetic } = event;
      if (type === "delete" && (exitStatus !== init?.exitStatus || exitedAt !== init?.exitedAt)) {
        yield describe(events, event, "is another one than that of its exit");
      }
      if (type !== "exit") continue;
      const known = this.#of(instance);
      const { done } = known;
      const text = Array.from(done, ([what, at]) => `${what} at ${new Date(at).toISOString()}`)
        .join(", ");
      if (synthetic && !done.has("lose shim") && !done.has("delete")) {
        yield describe(events, event, `is synthetic after no more than ${text}`);
      }
      const [command, possible] = execId === undefined
        ? [known.command, this.#ofInit(known, event, start)]
        : [known.execs.get(execId)?.command, this.#ofExec(known, event, init)];
      if (exitStatus !== undefined && possible.has(exitStatus)) continue;
      const ran = command?.args.join(" ") ?? "a command that nobody saw";
      const numbers = [...possible].join(" or ") || "nothing";
      yield describe(events, event, `cannot be of ${ran} after ${text}; only ${numbers}`);
    }
  }

  /**
   * A start found its container stopped, which it ran when it was asked for: it made a new instance,
   * which runs the same program, and which nobody has noted as started.
   */
  #startedAgain({ instance, timestamp }: Event, replaced: string): void {
    this.seen(instance, this.#of(replaced).command);
    note(this.#of(instance).done, "start", Date.parse(timestamp));
  }

  #ofInit(known: Known, exit: Event, start: Event | undefined): Set<number> {
    const done = before(exit, known.done);
    const possible = new Set(statusesOf(done));
    if (done.has("start")) { for (const own of known.command?.own ?? []) possible.add(own); }
    if (done.has("delete") || this.#killed.has(exit.pid)) possible.add(KILLED);
    // What is told to have started has come through the FIFO; runc's init fails with 1 where whoever
    // opened that is killed before it has written.
    if (done.has("start") && start === undefined) possible.add(1);
    // runc's init ends so where the signal does nothing, to the init of a pid namespace. It may be
    // that still when `runc start` has ended: on its way from the FIFO to the program.
    const early = start === undefined || apart(start.timestamp, exit.exitedAt) < EXECUTES;
    if (done.has(SIGTERM) && early) possible.add(2);
    return possible;
  }

  #ofExec(known: Known, exit: Event, init: Event | undefined): Set<number> {
    const exec = known.execs.get(exit.execId ?? "");
    const possible = new Set([
      ...exec?.command.own ?? [],
      ...statusesOf(before(exit, exec?.done ?? new Map())),
      ...statusesOf(before(exit, known.toAll)),
    ]);
    const along = apart(exit.exitedAt, init?.exitedAt) < TAKES_ALONG;
    const lost = before(exit, known.done).has("lose shim");
    if (lost || this.#killed.has(exit.pid) || along) possible.add(KILLED);
    return possible;
  }

  #of(instance: string): Known {
    const known = this.#known.get(instance) ??
      { execs: new Map(), done: new Map(), toAll: new Map() };
    this.#known.set(instance, known);
    return known;
  }
}

function describe(
  events: readonly Event[],
  { id, execId, seq, exitStatus }: Event,
  what: string,
): string {
  const said = events.map(({ seq, type, execId, pid, exitStatus, exitedAt, synthetic }) =>
    [seq, type, execId, `pid ${pid}`, exitStatus, exitedAt, synthetic ? "synthetic" : undefined]
      .filter((part) => part !== undefined).join(" ")
  ).join("\n  ");
  const name = execId === undefined ? id : `${id}/${execId}`;
  return `the exit status ${exitStatus} of ${name} (event ${seq}) ${what}:\n  ${said}`;
}

/** How far two times are apart, in milliseconds; NaN if one is not known. */
function apart(one = "", other = ""): number {
  return Math.abs(Date.parse(one) - Date.parse(other));
}

function note(done: Done, what: number | "start" | "delete" | "lose shim", at = Date.now()): void {
  done.set(what, Math.min(at, done.get(what) ?? at));
}

/** What of it was done before this exit. */
function before({ exitedAt = "" }: Event, done: Done): Done {
  return new Map([...done].filter(([, at]) => at <= Date.parse(exitedAt)));
}

/** The statuses of what signals, and the death of a shim, have ended. */
function statusesOf(done: Done): number[] {
  return [...done.keys()].flatMap((what) => {
    if (what === "lose shim") return KILLED;
    return typeof what === "number" ? 128 + what : [];
  });
}
