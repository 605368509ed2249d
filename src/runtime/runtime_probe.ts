// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { tryStat } from "../linux/fs/try_stat.ts";
import { findExecutable, isElf } from "../oci/driver/executable.ts";
import { OciRuntime } from "../oci/driver/oci_runtime.ts";
import type { RuntimeVersion } from "../oci/driver/runtime_output.ts";
import type { Spawn } from "../oci/driver/spawn.ts";
import { messageOf } from "../error_text.ts";

/** The facts that are known of a runtime. */
interface ProbedRuntime {
  /** Identity of the file: its path, and facts that change when another takes its place. */
  readonly file: string;
  /** The file is no script. */
  readonly binary: boolean;
  /** The runtime was asked for its version. */
  asked: boolean;
  /** Undefined until it has answered, or if it gave none. */
  version?: RuntimeVersion;
}

/**
 * Knows the OCI runtimes in use. They are asked in the background, so that nothing waits for one; a
 * file that was replaced is asked again.
 */
export class RuntimeProbe {
  readonly #spawn: Spawn;
  readonly #known = new Map<string, ProbedRuntime>();

  /** Starts the runtimes with `spawn`. */
  constructor(spawn: Spawn) {
    this.#spawn = spawn;
  }

  /**
   * Returns the version of the runtime `command`, a name in PATH or a path, as it was at the
   * last look; undefined where unknown.
   */
  version(command: string): string | undefined {
    return this.#known.get(command)?.version?.version;
  }

  /**
   * Returns whether the runtime `command` is known to be runc itself: no other one, and no script.
   */
  isRunc(command: string): boolean {
    const found = this.#find(command);
    // A script has its own reasons, and is not to be called more often than it is needed.
    if (found.binary) this.#ask(command, found);
    return found.binary && found.version?.name === "runc";
  }

  /** Asks the runtime `command` for its version, unless that was done before. */
  probe(command: string): void {
    this.#ask(command, this.#find(command));
  }

  #find(command: string): ProbedRuntime {
    const path = findExecutable(command);
    const file = identityOf(path);
    const before = this.#known.get(command);
    if (before?.file === file) return before;
    const found = { file, binary: isElf(path), asked: false };
    this.#known.set(command, found);
    return found;
  }

  #ask(command: string, known: ProbedRuntime): void {
    if (known.asked) return;
    known.asked = true;
    const runtime = new OciRuntime({ command, root: "/", spawn: this.#spawn });
    runtime.version().then((version) => {
      known.version = version;
    }, (error) => {
      getLogger(["berth"]).warn("the runtime {runtime} cannot be run: {reason}", {
        runtime: command,
        reason: messageOf(error),
        error,
      });
    });
  }
}

function identityOf(path: string): string {
  const found = tryStat(path);
  return `${path} ${found?.dev} ${found?.ino} ${found?.size} ${found?.mtime?.getTime()}`;
}
