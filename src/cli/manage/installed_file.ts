// SPDX-License-Identifier: MIT
import { removeFile } from "../../linux/fs/remove_file.ts";

/** A file that `berth install` puts in place. */
export interface InstalledFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/** Writes a file, and its directory where that is missing. Who reads an old one goes on with that. */
export function installFile({ path, text, mode }: InstalledFile): void {
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/") + 1) || ".", { recursive: true });
  const draft = `${path}.draft`;
  try {
    Deno.writeTextFileSync(draft, text);
    // Whatever the umask.
    Deno.chmodSync(draft, mode);
    Deno.renameSync(draft, path);
  } catch (error) {
    removeFile(draft);
    throw error;
  }
}
