// SPDX-License-Identifier: MIT
import { parentDir } from "./path_names.ts";

/**
 * Writes `text` to `path` so that a reader sees the old file or the whole new one, never a part
 * (rename(2) is atomic). Mode 0600. Not synced to disk: the state directory is a tmpfs.
 *
 * @throws what the file system throws
 */
export function writeAtomic(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  Deno.writeTextFileSync(temporary, text, { mode: 0o600 });
  Deno.renameSync(temporary, path);
}

/**
 * Does the same as {@linkcode writeAtomic}, and returns when the file is on the disk, so that it is
 * there after a loss of power (fsync(2) of the file and its directory).
 *
 * @throws what the file system throws
 */
export function writeDurably(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  {
    using file = Deno.openSync(temporary, {
      write: true,
      create: true,
      truncate: true,
      mode: 0o600,
    });
    writeText(file, temporary, text);
  }
  Deno.renameSync(temporary, path);
  using dir = Deno.openSync(parentDir(path) || "/");
  dir.syncSync();
}

/** Writes all of the text to an open file and to the disk. What fails names the file's path. */
function writeText(file: Deno.FsFile, path: string, text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    file.syncSync();
  } catch (error) {
    // As Deno does where it is given the path.
    if (error instanceof Error) error.message += `: write '${path}'`;
    throw error;
  }
}
