// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { Runc } from "../oci/runc.ts";
import type { RuntimeVersion } from "../oci/runc_output.ts";
import type { Spawn } from "../oci/spawn.ts";

/** How an executable of ELF begins (elf(5)). */
const ELF_MAGIC = "\x7fELF";

/** A runtime that was asked for its version. */
export interface Asked {
  /** The file that was asked: its path and what changes when another takes its place. */
  readonly file: string;
  /** Undefined until it has answered, or if it gave none. */
  version?: RuntimeVersion;
}

/**
 * What is known of the OCI runtimes in use. They are asked in the background, so that nothing waits
 * for one; a file that was replaced is asked again.
 */
export class KnownRuntimes {
  readonly #spawn: Spawn;
  readonly #asked = new Map<string, Asked>();

  /** Starts the runtimes with `spawn`. */
  constructor(spawn: Spawn) {
    this.#spawn = spawn;
  }

  /**
   * The version of the runtime `command`, a name in PATH or a path, as it was when somebody last
   * looked; undefined where unknown.
   */
  version(command: string): string | undefined {
    return this.#asked.get(command)?.version?.version;
  }

  /** Whether the runtime `command` is known to be runc itself: no other one, and no script. */
  isRunc(command: string): boolean {
    // A script has its own reasons, and is not to be called more often than it is needed.
    return isElf(findExecutable(command)) && this.look(command).version?.name === "runc";
  }

  /** Answers what is known of the runtime `command`, and asks it unless that was done. */
  look(command: string): Asked {
    const file = identityOf(findExecutable(command));
    const known = this.#asked.get(command);
    if (known?.file === file) return known;
    const asked: Asked = { file };
    this.#asked.set(command, asked);
    this.#ask(command, asked);
    return asked;
  }

  #ask(command: string, asked: Asked): void {
    const runtime = new Runc({ command, root: "/", spawn: this.#spawn });
    runtime.version().then((version) => {
      asked.version = version;
    }, (error) => {
      getLogger(["berth"]).warn("the runtime {runtime} cannot be run: {reason}", {
        runtime: command,
        reason: error instanceof Error ? error.message : String(error),
      });
    });
  }
}

/** The file that posix_spawnp(3) would run. */
function findExecutable(command: string): string {
  if (command.includes("/")) return command;
  for (const dir of (Deno.env.get("PATH") ?? "").split(":")) {
    const path = `${dir}/${command}`;
    if (statOrNothing(path)?.isFile) return path;
  }
  return command;
}

function identityOf(path: string): string {
  const found = statOrNothing(path);
  return `${path} ${found?.dev} ${found?.ino} ${found?.size} ${found?.mtime?.getTime()}`;
}

function isElf(path: string): boolean {
  const start = new Uint8Array(ELF_MAGIC.length);
  try {
    // Not `using`: the bundler's minifier drops that of what is used once, right behind it.
    const file = Deno.openSync(path);
    try {
      file.readSync(start);
    } finally {
      file.close();
    }
  } catch {
    // Gone since, or not to be read: then it is not known what it is.
    return false;
  }
  return new TextDecoder().decode(start) === ELF_MAGIC;
}

function statOrNothing(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    // Whatever is wrong with it, running it tells.
    return undefined;
  }
}
