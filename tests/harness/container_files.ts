// SPDX-License-Identifier: MIT
import type { TestDaemon } from "./daemon.ts";
import { namesIn } from "./leaks/traces.ts";

/** Returns what is below a daemon's root directory that belongs to containers, as `<kind>/<id>`. */
export function containerFiles(daemon: TestDaemon): string[] {
  return ["containers", "etc", "io", "logs", "overlay", "renames", "volumes"].flatMap((kind) =>
    namesIn(`${daemon.root}/${kind}`).map((name) => `${kind}/${name}`)
  ).sort();
}
