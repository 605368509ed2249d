// SPDX-License-Identifier: MIT
import { sweep } from "../tests/harness/sweep.ts";
import { baseName, RUN_VARIABLE, uniqueName } from "../tests/harness/run.ts";

/** How many tests ended how. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** Reads the counts from the last line of what `deno test` printed; undefined if it has none. */
export function readCounts(output: string): Counts | undefined {
  // deno-lint-ignore no-control-regex -- colours are control characters
  const plain = output.replace(/\x1b\[[0-9;]*m/g, "");
  const last = [...plain.matchAll(/\| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/g)].at(-1);
  return last === undefined ? undefined : { passed: Number(last[1]), failed: Number(last[2]) };
}

/** Splits what follows the task's name into test files or folders and flags for `deno test`. */
export function splitArgs(
  args: readonly string[],
  exists: (path: string) => boolean,
): { paths: string[]; flags: string[] } {
  const paths: string[] = [];
  const flags: string[] = [];
  args.forEach((arg, index) => {
    const isValue = args[index - 1] === "--filter";
    (!isValue && !arg.startsWith("-") && exists(arg) ? paths : flags).push(arg);
  });
  return { paths, flags };
}

/** A run's own directory and what has to go when it ends, however it ends. */
export class TestRun implements AsyncDisposable {
  /** Holds everything that the tests make. */
  readonly dir: string;
  readonly #abort = new AbortController();
  readonly #listeners: [Deno.Signal, () => void][] = [];
  #stopped: Deno.Signal | undefined;

  private constructor(dir: string) {
    this.dir = dir;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      const listener = () => {
        this.#stopped = signal;
        this.#abort.abort();
      };
      Deno.addSignalListener(signal, listener);
      this.#listeners.push([signal, listener]);
    }
  }

  /** Makes the directory; who started us may have named one, to look after what we leave. */
  static async open(): Promise<TestRun> {
    const dir = Deno.env.get(RUN_VARIABLE) ?? `/tmp/${uniqueName("berth-test")}`;
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    return new TestRun(dir);
  }

  /** The signal that ended the run early. */
  get stopped(): Deno.Signal | undefined {
    return this.#stopped;
  }

  /**
   * Runs `deno test` with `args`, its output shown. Output without counts, a signal and more than
   * `timeoutMs` count as one failed test, so that no such run looks like a good one.
   */
  async test(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    timeoutMs: number,
  ): Promise<Counts> {
    if (this.#stopped !== undefined) return { passed: 0, failed: 1 };
    const child = new Deno.Command(Deno.execPath(), {
      args: ["test", "--allow-all", "--no-check", ...args],
      env: { ...env, [RUN_VARIABLE]: this.dir, TMPDIR: this.dir },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const stop = () => child.kill("SIGKILL");
    const timer = setTimeout(() => {
      console.error(`The tests took longer than ${timeoutMs / 60_000} minutes: stopped.`);
      stop();
    }, timeoutMs);
    this.#abort.signal.addEventListener("abort", stop);
    try {
      const output = await show(child.stdout);
      const { success } = await child.status;
      const { passed, failed } = readCounts(output) ?? { passed: 0, failed: 1 };
      return { passed, failed: success ? failed : Math.max(failed, 1) };
    } finally {
      clearTimeout(timer);
      this.#abort.signal.removeEventListener("abort", stop);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await sweep({ dir: this.dir, cgroup: baseName(this.dir) });
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}

/** Copies a stream to stdout as it comes, and answers all of it. */
async function show(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
    text += decoder.decode(bytes, { stream: true });
  }
  return text;
}
