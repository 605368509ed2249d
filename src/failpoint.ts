// SPDX-License-Identifier: MIT

/**
 * Named points between two steps that have to survive a failure in between: where the program may
 * be killed, where a write may find the disk full, where it may take long. Tests and the soak arm
 * them by the environment variable `BERTH_FAILPOINTS`, in the daemon and, as these inherit it, in
 * its shims. The build replaces this module by `failpoint_off.ts`, so in what ships none can be armed.
 *
 * `BERTH_FAILPOINTS` is a list of `NAME=TERMS`, separated by commas or newlines, or `@FILE`, where
 * FILE holds such a list and is read again at each hit, so that a test can arm and disarm while
 * processes run; a FILE that is missing arms nothing. TERMS is a chain of `[COUNT*]ACTION` joined by
 * `->`: each applies COUNT times, then the next one does; without a COUNT it applies for good. After
 * the last COUNT the point is off. Hits are counted per process. The actions:
 *
 * | action       | effect                                                           |
 * | ------------ | ---------------------------------------------------------------- |
 * | `crash`      | SIGKILL to this process                                          |
 * | `stop`       | SIGSTOP to this process, which does not go on after SIGCONT      |
 * | `fail:ERRNO` | throws an error whose `code` is ERRNO, such as ENOSPC             |
 * | `delay:MS`   | waits, MS milliseconds                                           |
 * | `off`        | nothing                                                          |
 *
 * `journal.append=3*off->1*fail:ENOSPC` fails the fourth append only.
 *
 * A point before a step may be armed with any action. One after the last step that can fail, such as
 * `journal.appended`, `rename.forgotten` or `shim.start.publish`, is there for `crash`, `stop` and
 * `delay`: `fail` makes up an error there that nothing else causes, and what follows from it is no
 * fault of the program.
 */
const VARIABLE = "BERTH_FAILPOINTS";

/** The error of a point that is armed to fail, in place of a system call's. */
class FailpointError extends Error {
  override name = "FailpointError";
  /** Name of the errno, `ENOSPC`. */
  readonly code: string;

  constructor(point: string, code: string) {
    super(`${code} at the failpoint ${point}`);
    this.code = code;
  }
}

type FailpointAction =
  | { readonly kind: "off" }
  | { readonly kind: "crash" }
  | { readonly kind: "stop" }
  | { readonly kind: "fail"; readonly code: string }
  | { readonly kind: "delay"; readonly ms: number };

interface Term {
  readonly count: number;
  readonly action: FailpointAction;
}

/** The points that a list arms, with the number of hits of each. */
export class Failpoints {
  readonly #list: () => string;
  #text = "";
  #terms: ReadonlyMap<string, readonly Term[]> = new Map();
  readonly #hits = new Map<string, number>();

  /** @param list returns the list; called at each hit. */
  constructor(list: () => string) {
    this.#list = list;
  }

  /**
   * Counts a hit of the point `name` and returns what is to happen.
   *
   * @throws {Error} if the list cannot be parsed.
   */
  hit(name: string): FailpointAction {
    const text = this.#list();
    if (text !== this.#text) {
      this.#terms = parse(text);
      this.#text = text;
      this.#hits.clear();
    }
    const terms = this.#terms.get(name);
    if (terms === undefined) return { kind: "off" };
    let hits = this.#hits.get(name) ?? 0;
    this.#hits.set(name, hits + 1);
    for (const { count, action } of terms) {
      if (hits < count) return action;
      hits -= count;
    }
    return { kind: "off" };
  }
}

function parse(text: string): Map<string, Term[]> {
  const points = new Map<string, Term[]>();
  for (
    const point of text.split(/[,\n]/).map((part) => part.trim()).filter((part) => part !== "")
  ) {
    const [, name, terms] = /^([^=\s]+)=(.+)$/.exec(point) ?? [];
    if (name === undefined || terms === undefined) {
      throw new Error(`${VARIABLE}: ${JSON.stringify(point)} is not NAME=TERMS`);
    }
    points.set(name, terms.split("->").map(parseTerm));
  }
  return points;
}

function parseTerm(text: string): Term {
  const [, count, kind, argument] = /^(?:(\d+)\*)?([a-z]+)(?::(\w+))?$/.exec(text.trim()) ?? [];
  const action = parseAction(kind, argument);
  if (action === undefined) throw new Error(`${VARIABLE}: no action ${JSON.stringify(text)}`);
  return { count: count === undefined ? Infinity : Number(count), action };
}

function parseAction(
  kind: string | undefined,
  argument: string | undefined,
): FailpointAction | undefined {
  switch (kind) {
    case "off":
    case "crash":
    case "stop":
      return argument === undefined ? { kind } : undefined;
    case "delay":
      return argument !== undefined && /^\d+$/.test(argument)
        ? { kind, ms: Number(argument) }
        : undefined;
    case "fail":
      return argument !== undefined && /^E[A-Z0-9]+$/.test(argument)
        ? { kind, code: argument }
        : undefined;
    default:
      return undefined;
  }
}

const armed = fromEnvironment(Deno.env.get(VARIABLE));

function fromEnvironment(value: string | undefined): Failpoints | undefined {
  if (value === undefined || value === "") return undefined;
  if (!value.startsWith("@")) return new Failpoints(() => value);
  const file = value.slice(1);
  return new Failpoints(() => {
    try {
      return Deno.readTextFileSync(file);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  });
}

/**
 * The point `name`, for code that must not yield: a delay blocks the whole process.
 *
 * @throws {FailpointError} if the point is armed to fail.
 */
export function failpoint(name: string): void {
  if (armed === undefined) return;
  const ms = act(name, armed.hit(name));
  if (ms > 0) block(ms);
}

/**
 * The point `name`, for code that may yield: other calls go on during a delay.
 *
 * @throws {FailpointError} if the point is armed to fail.
 */
export function failpointAsync(name: string): Promise<void> | undefined {
  const ms = armed === undefined ? 0 : act(name, armed.hit(name));
  return ms === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, ms));
}

/** Crashes, stops or throws as `action` says, or returns the delay in milliseconds. */
function act(name: string, action: FailpointAction): number {
  switch (action.kind) {
    case "off":
      return 0;
    case "delay":
      return action.ms;
    case "fail":
      throw new FailpointError(name, action.code);
    case "crash":
    case "stop":
      Deno.kill(Deno.pid, action.kind === "crash" ? "SIGKILL" : "SIGSTOP");
      // The signal may take a moment to reach this thread, which must not go on.
      block(Infinity);
      return 0;
  }
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
