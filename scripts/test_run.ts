// SPDX-License-Identifier: MIT
import { signalChild } from "../tests/harness/processes.ts";
import type { Workspace } from "./workspace.ts";

/** How many tests ended how. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** A run of `deno test`: its counts, and what it printed. */
export interface TestRun extends Counts {
  readonly output: string;
}

/** Reads the counts from the last line of what `deno test` printed; undefined if it has none. */
export function readTestCounts(output: string): Counts | undefined {
  const counts = withoutColors(output)
    .matchAll(/\| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/g);
  const last = [...counts].at(-1);
  return last === undefined ? undefined : { passed: Number(last[1]), failed: Number(last[2]) };
}

/**
 * Returns the names of the tests that have failed in any of these runs, then their messages: `most`
 * lines at most. A run that has named none, for it was ended, is told by its last lines.
 */
export function tellFailed(runs: readonly TestRun[], most = 60): string[] {
  const names: string[] = [];
  const messages: string[] = [];
  for (const { output } of runs.filter(({ failed }) => failed > 0)) {
    const lines = withoutColors(output).trimEnd().split("\n").map((line) => line.slice(0, 300));
    const named = lines.lastIndexOf(" FAILURES ");
    if (named < 0) messages.push(...lines.slice(-5));
    else {
      // The last line has the counts.
      names.push(...lines.slice(named + 1, -1).filter(Boolean));
      messages.push(...lines.slice(lines.lastIndexOf(" ERRORS ") + 1, named));
    }
  }
  return [...names.slice(0, most / 2), ...messages].slice(0, most);
}

function withoutColors(output: string): string {
  // deno-lint-ignore no-control-regex -- colors are control characters
  return output.replace(/\x1b\[[0-9;]*m/g, "");
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

/** How {@linkcode runTests} runs. */
export interface TestRunOptions {
  /** Test files, folders and flags for `deno test`. */
  readonly args: readonly string[];
  /** Environment beside this process's own. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** The longest that it may take, milliseconds; a hung test must not hang its host. */
  readonly timeoutMs: number;
}

/**
 * Runs `deno test`, its output shown. Output without counts, a signal and a timeout each count as
 * one failed test, so that no such run looks like a good one.
 */
export async function runTests(workspace: Workspace, options: TestRunOptions): Promise<TestRun> {
  const { args, env, signal, timeoutMs } = options;
  if (signal.aborted) return { passed: 0, failed: 1, output: "" };
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--allow-all", "--no-check", ...args],
    env: { ...env, TMPDIR: workspace.dir },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const stop = () => signalChild(child, "SIGKILL");
  const timer = setTimeout(() => {
    console.error(`The tests took longer than ${timeoutMs / 60_000} minutes: stopped.`);
    stop();
  }, timeoutMs);
  signal.addEventListener("abort", stop);
  try {
    const output = await show(child.stdout);
    const { success } = await child.status;
    const { passed, failed } = readTestCounts(output) ?? { passed: 0, failed: 1 };
    return { passed, failed: success ? failed : Math.max(failed, 1), output };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** Copies a stream to stdout as it comes, and returns all of it. */
async function show(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
    text += decoder.decode(bytes, { stream: true });
  }
  return text;
}
