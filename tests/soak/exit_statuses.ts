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

/** The things done to a container that its exit status may come of. */
type What = number | "start" | "delete" | "delete what never ran" | "lose shim";

/** Something that was done to a container: from when to when, in milliseconds. */
interface Act {
  readonly what: What;
  readonly from: number;
  /** When its answer came; infinity until then. */
  until: number;
  /** The exec that it was for; undefined if for init. */
  readonly execId?: string | undefined;
  /** Whether it was for every process. */
  readonly all?: boolean;
}

/** All that an instance is known to have gone through. */
interface Life {
  /** The things done to it that can have caused this exit. */
  readonly acts: readonly Act[];
  readonly start: Event | undefined;
  readonly init: Event | undefined;
}

/**
 * What was done to containers, and so which exit statuses they and their execs may have. A call names
 * an id, so it can reach each instance that has the id while the call is under way: also one that the
 * caller has not seen yet, as a start, or the next daemon, may make one in the place of another.
 */
export class ExitStatuses {
  readonly #commands = new Map<string, Command>();
  readonly #execs = new Map<string, Command>();
  /** The things done, by id. */
  readonly #acts = new Map<string, Act[]>();
  /** The things done to one instance alone. */
  readonly #ofInstance = new Map<string, Act[]>();
  readonly #killed = new Set<number>();
  readonly #now: () => number;

  /** @param now the time, in milliseconds. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** A container is there. */
  seen(instance: string, command: Command | undefined): void {
    if (command !== undefined) this.#commands.set(instance, command);
  }

  /** A start of it is under way until what is returned is disposed of, as with each of these. */
  starting(id: string): Disposable {
    return this.#begin(id, { what: "start" });
  }

  /** An exec is about to be started. */
  executing(id: string, execId: string, command: Command): void {
    this.#execs.set(`${id} ${execId}`, command);
  }

  /** An exec is about to get a signal. */
  signalingExec(id: string, execId: string, signal: number): Disposable {
    return this.#begin(id, { what: signal, execId });
  }

  /** Init, or with `all` every process, is about to get a signal. */
  signaling(id: string, signal: number, all: boolean): Disposable {
    return this.#begin(id, { what: signal, all });
  }

  /** It is about to be deleted: only with `force` in a way that kills what runs. */
  deleting(id: string, force: boolean): Disposable {
    return this.#begin(id, { what: force ? "delete" : "delete what never ran" });
  }

  /** Notes that the process that looks after this instance was killed, at `at` milliseconds. */
  lostShim(instance: string, at = this.#now()): void {
    listIn(this.#ofInstance, instance).push({ what: "lose shim", from: at, until: Infinity });
  }

  #begin(id: string, begun: Pick<Act, "what" | "execId" | "all">): Disposable {
    const act = { ...begun, from: this.#now(), until: Infinity };
    listIn(this.#acts, id).push(act);
    return { [Symbol.dispose]: () => void (act.until = this.#now()) };
  }

  /** This process was killed. */
  killed(pid: number): void {
    this.#killed.add(pid);
  }

  /**
   * Returns the faults of the exits in the history of one instance; none if each was caused. The
   * instance that it replaces was asked about before.
   */
  *uncaused(events: readonly Event[]): Generator<string> {
    const created = events.find(({ type }) => type === "create");
    if (created?.replaces !== undefined) this.#startedAgain(created, created.replaces);
    const start = events.find(({ type }) => type === "start");
    const init = events.find(({ type, execId }) => type === "exit" && execId === undefined);
    const acts = created === undefined ? [] : this.#reaching(created);
    // Thousands of them in a long soak, of which only a fault is told.
    const text = () => acts.map(textOf).join(", ");
    for (const event of events) {
      const { type, execId, exitStatus, exitedAt, synthetic } = event;
      if (type === "delete" && (exitStatus !== init?.exitStatus || exitedAt !== init?.exitedAt)) {
        yield describe(events, event, "is another one than that of its exit");
      }
      if (type !== "exit") continue;
      if (synthetic && !acts.some(({ what }) => what === "lose shim") && !isDeleted(acts, start)) {
        yield describe(events, event, `is synthetic after no more than ${text()}`);
      }
      const life = {
        acts: acts.filter(({ from }) => from <= Date.parse(exitedAt ?? "")),
        start,
        init,
      };
      const [command, possible] = execId === undefined
        ? this.#ofInit(life, event)
        : this.#ofExec(life, event, execId);
      if (exitStatus !== undefined && possible.has(exitStatus)) continue;
      const ran = command?.args.join(" ") ?? "a command that nobody saw";
      const numbers = [...possible].join(" or ") || "nothing";
      yield describe(events, event, `cannot be of ${ran} after ${text()}; only ${numbers}`);
    }
  }

  /** Returns what was done to an instance: what ended before it was created was of another one. */
  #reaching({ id, instance, timestamp }: Event): Act[] {
    const since = Date.parse(timestamp);
    const ofId = this.#acts.get(id)?.filter(({ until }) => until >= since) ?? [];
    return [...ofId, ...this.#ofInstance.get(instance) ?? []];
  }

  /**
   * A start found its container stopped, which it ran when it was asked for: it made a new instance,
   * which runs the same program, maybe when the call that asked for it is long over.
   */
  #startedAgain({ instance, timestamp }: Event, replaced: string): void {
    this.seen(instance, this.#commands.get(replaced));
    const from = Date.parse(timestamp);
    listIn(this.#ofInstance, instance).push({ what: "start", from, until: from });
  }

  #ofInit({ acts, start }: Life, exit: Event): [Command | undefined, Set<number>] {
    const command = this.#commands.get(exit.instance);
    const own = acts.filter(({ execId }) => execId === undefined);
    const did = (asked: What) => own.some(({ what }) => what === asked);
    const possible = new Set(own.flatMap(statusOf));
    if (did("start")) { for (const status of command?.own ?? []) possible.add(status); }
    if (isDeleted(acts, start) || this.#killed.has(exit.pid)) possible.add(KILLED);
    // What is told to have started has come through the FIFO; runc's init fails with 1 where whoever
    // opened that is killed before it has written.
    if (did("start") && start === undefined) possible.add(1);
    // runc's init ends so where the signal does nothing, to the init of a pid namespace. It may be
    // that still when `runc start` has ended: on its way from the FIFO to the program.
    const early = start === undefined || apart(start.timestamp, exit.exitedAt) < EXECUTES;
    if (did(SIGTERM) && early) possible.add(2);
    return [command, possible];
  }

  #ofExec(
    { acts, init }: Life,
    exit: Event,
    execId: string,
  ): [Command | undefined, Set<number>] {
    const command = this.#execs.get(`${exit.id} ${execId}`);
    const own = acts.filter((act) => act.all || act.execId === execId || act.what === "lose shim");
    const possible = new Set([...command?.own ?? [], ...own.flatMap(statusOf)]);
    const along = apart(exit.exitedAt, init?.exitedAt) < TAKES_ALONG;
    if (along || this.#killed.has(exit.pid)) possible.add(KILLED);
    return [command, possible];
  }
}

function listIn(lists: Map<string, Act[]>, name: string): Act[] {
  const list = lists.get(name) ?? [];
  lists.set(name, list);
  return list;
}

/** Returns whether a delete may have killed it: one without force kills only what was never started. */
function isDeleted(acts: readonly Act[], start: Event | undefined): boolean {
  return acts.some(({ what }) =>
    what === "delete" || (what === "delete what never ran" && start === undefined)
  );
}

function textOf({ what, from, until, execId, all }: Act): string {
  const to = until === Infinity ? "" : ` to ${new Date(until).toISOString()}`;
  const whom = all ? " of all" : execId === undefined ? "" : ` of ${execId}`;
  return `${what}${whom} at ${new Date(from).toISOString()}${to}`;
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

/** The status of what a signal, or the death of a shim, has ended; none for all else. */
function statusOf({ what }: Act): number[] {
  if (what === "lose shim") return [KILLED];
  return typeof what === "number" ? [128 + what] : [];
}
