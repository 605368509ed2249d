// SPDX-License-Identifier: MIT
// Finds executables, and tells a binary of runc from a script.
import { tryStat } from "../../linux/fs/try_stat.ts";

/** How an executable of ELF begins (elf(5)). */
const ELF_MAGIC = "\x7fELF";

/** Returns the file that posix_spawnp(3) would run. */
export function findExecutable(command: string): string {
  if (command.includes("/")) return command;
  for (const dir of (Deno.env.get("PATH") ?? "").split(":")) {
    const path = `${dir}/${command}`;
    if (tryStat(path)?.isFile) return path;
  }
  return command;
}

/** Returns whether the file at `path` is an executable of the machine, and no script. */
export function isElf(path: string): boolean {
  const start = new Uint8Array(ELF_MAGIC.length);
  try {
    using file = Deno.openSync(path);
    file.readSync(start);
  } catch {
    // Gone since, or not to be read: then it is not known what it is.
    return false;
  }
  return new TextDecoder().decode(start) === ELF_MAGIC;
}

/**
 * Returns whether `command` is runc by its name, and no script: what such a one does at a start is
 * known. To ask it would take as long as the start.
 */
export function isRuncBinary(command: string): boolean {
  return /(^|\/)runc$/.test(command) && isElf(findExecutable(command));
}
