// SPDX-License-Identifier: MIT
import { signalChild } from "../tests/harness/processes.ts";
import type { Workspace } from "./workspace.ts";

/** How many tests ended how. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** Reads the counts from the last line of what `deno test` printed; undefined if it has none. */
export function readTestCounts(output: string): Counts | undefined {
  // deno-lint-ignore no-control-regex -- colors are control characters
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
export async function runTests(workspace: Workspace, options: TestRunOptions): Promise<Counts> {
  const { args, env, signal, timeoutMs } = options;
  if (signal.aborted) return { passed: 0, failed: 1 };
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
    return { passed, failed: success ? failed : Math.max(failed, 1) };
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
