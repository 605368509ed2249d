// SPDX-License-Identifier: MIT
import type { TestDaemon } from "./daemon.ts";
import { namesIn } from "./leaks/traces.ts";

/** Returns what is below a daemon's root directory that belongs to containers, as `<kind>/<id>`. */
export function containerFiles(daemon: TestDaemon): string[] {
  return ["containers", "etc", "io", "logs", "overlay", "renames", "volumes"].flatMap((kind) =>
    namesIn(`${daemon.root}/${kind}`).map((name) => `${kind}/${name}`)
  ).sort();
}

/** Returns the text of a file; empty where there is none, or its owner is removing it. */
export function readIfThere(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return "";
  }
}

/**
 * Lets others through the directories above the state directory, which are not berth's: root of a user
 * namespace is one of them.
 */
export function openAbove(daemon: TestDaemon): void {
  for (let dir = daemon.state; dir !== "/tmp"; dir = dir.slice(0, dir.lastIndexOf("/"))) {
    if (dir !== daemon.state) Deno.chmodSync(dir, 0o711);
  }
}
