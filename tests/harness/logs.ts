// SPDX-License-Identifier: MIT
import type { TestDaemon } from "./daemon.ts";
import { readIfThere } from "./files.ts";
import { until } from "./poll.ts";
import { openFiles, processesOf } from "./processes.ts";
import { baseName } from "./run.ts";

/** Returns the path of a container's log. */
export function logFile(daemon: TestDaemon, id: string): string {
  return `${daemon.root}/logs/${id}/container.log`;
}

/** Returns the lines in the log of a container, those of its earlier runs included. */
export function logLines(daemon: TestDaemon, id: string): string[] {
  return Deno.readTextFileSync(logFile(daemon, id)).split("\n").filter((line) => line !== "")
    .map((line) => line.split(" ").slice(3).join(" "));
}

/**
 * Returns what the records of a stream contain that are in the current file of a log: nothing while there
 * is none, as between two steps of its rotation, in which a shim may have been killed.
 */
export function loggedText(daemon: TestDaemon, id: string, stream = "stdout"): string {
  return readIfThere(logFile(daemon, id)).split("\n")
    .map((line) => /^\S+ (\w+) ([PF]) ([^\n]*)$/.exec(line))
    .map((match) => match?.[1] === stream ? match[3] + (match[2] === "F" ? "\n" : "") : "")
    .join("");
}

/** Waits until as many commands with these words in their command lines have a file open. */
export async function untilOpen(
  daemon: TestDaemon,
  words: string,
  path: string,
  count = 1,
): Promise<void> {
  await until(`${count} of ${words} to read ${path}`, () => {
    const readers = processesOf(baseName(daemon.dir)).filter(({ pid, command }) =>
      command.includes(words) && openFiles(pid).includes(path)
    );
    return readers.length >= count;
  });
}
