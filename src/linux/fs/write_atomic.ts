// SPDX-License-Identifier: MIT

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
