// SPDX-License-Identifier: MIT
import { tryStat } from "../../linux/fs/try_stat.ts";
import { RuntimeError } from "../../rpc/errors.ts";

/** How many lines of CRIU's log go with an error, at most. */
const LINES = 10;

/** How much of the end of the log is looked at, in UTF-16 units. */
const TAIL = 64 * 1024;

/**
 * Does a call that runs CRIU. The runtime's own message only names CRIU's log, so an error gets the
 * last lines of the log at `path` too: in its message and as `data.criuLog`.
 */
export async function withCriuLog<T>(path: string, call: () => Promise<T>): Promise<T> {
  const before = modifiedAt(path);
  try {
    return await call();
  } catch (error) {
    // An unchanged log is that of an earlier call.
    if (!(error instanceof RuntimeError) || modifiedAt(path) === before) throw error;
    const criuLog = lastErrors(Deno.readTextFileSync(path));
    throw new RuntimeError([error.message, ...criuLog, ...hints(criuLog)].join("\n"), {
      cause: error,
      data: { ...error.data, criuLog },
    });
  }
}

/** Returns advice on errors whose reason CRIU does not name. */
function hints(criuLog: readonly string[]): string[] {
  if (!criuLog.some((line) => /execvp\("ip6?tables[^"]*"/.test(line))) return [];
  return [
    "CRIU closes the network of a container with iptables meanwhile: install the package iptables",
  ];
}

/** Returns the last lines that CRIU marks as errors; the last ones of all where it marks none. */
function lastErrors(text: string): string[] {
  const lines = text.slice(-TAIL).split("\n").filter((line) => line.trim() !== "");
  const errors = lines.filter((line) => line.includes("Error ("));
  return (errors.length > 0 ? errors : lines).slice(-LINES);
}

/**
 * Returns the time of the last change in milliseconds since the epoch; undefined where there is no
 * such file, whatever the reason.
 */
function modifiedAt(path: string): number | undefined {
  // A fault of the path is for the runtime to report.
  return tryStat(path)?.mtime?.getTime();
}
