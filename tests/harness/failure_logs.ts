// SPDX-License-Identifier: MIT
import { readIfThere } from "./files.ts";
import { filesIn } from "./leaks/traces.ts";

/** The most of a log that is shown, characters. */
const TAIL = 4096;

/**
 * The logs of the daemons and shims of one test: taken when their files are removed, shown if the
 * test fails.
 */
class FailureLogs {
  readonly #texts: string[] = [];

  /** Takes the ends of all logs below `dir`. */
  take(dir: string): void {
    for (const name of filesIn(dir)) {
      if (!/(^|\/)(daemon|shims?)\.log$/.test(name)) continue;
      const text = readIfThere(`${dir}/${name}`).slice(-TAIL).trimEnd();
      if (text !== "") this.#texts.push(`---- ${dir}/${name}\n${text}`);
    }
  }

  /**
   * Wraps a test, or what defines one, at `place` in the sources: if it fails, that and its logs are
   * printed below what it has printed.
   */
  wrap(definition: unknown, place: string): unknown {
    if (typeof definition === "function") return this.#watch(definition, place);
    if (typeof definition === "object" && definition !== null && "fn" in definition) {
      const { fn } = definition;
      if (typeof fn === "function") return { ...definition, fn: this.#watch(fn, place) };
    }
    return definition;
  }

  #watch(test: CallableFunction, place: string): (context: unknown) => Promise<void> {
    return async (context) => {
      this.#texts.length = 0;
      using uncaught = new UncaughtErrors();
      try {
        await test(context);
        uncaught.throwFirst();
      } catch (error) {
        console.error(`the test stands ${place}`);
        for (const text of this.#texts) console.error(text);
        throw error;
      }
    };
  }
}

/**
 * Takes the errors of promises that nobody waits for, which would end the whole file before it is told
 * what failed: a test that fails leaves its calls alone that are under way.
 */
class UncaughtErrors implements Disposable {
  readonly #errors: unknown[] = [];

  constructor() {
    globalThis.addEventListener("unhandledrejection", this.#take);
  }

  readonly #take = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    console.error("nobody waited for what failed:", event.reason);
    this.#errors.push(event.reason);
  };

  /** Throws the first of them, if there is one. */
  throwFirst(): void {
    if (this.#errors.length > 0) throw this.#errors[0];
  }

  [Symbol.dispose](): void {
    globalThis.removeEventListener("unhandledrejection", this.#take);
  }
}

/** The logs of this file's tests; every test that is defined once this is loaded shows its own. */
export const failureLogs = new FailureLogs();

Object.defineProperty(Deno, "test", {
  value: new Proxy(Deno.test, {
    apply: (test, self, args) => {
      // Deno tells the place of its caller, which is this one.
      const frames = new Error().stack?.split("\n") ?? [];
      const place = frames.find((line) => line.includes("_test.ts:"))?.trim() ?? "elsewhere";
      return Reflect.apply(test, self, args.map((arg) => failureLogs.wrap(arg, place)));
    },
  }),
});
