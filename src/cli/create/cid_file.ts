// SPDX-License-Identifier: MIT
import { removeFile } from "../../linux/fs/remove_file.ts";
import { messageOf } from "../../error_text.ts";
import { CliError } from "../common/exit_status.ts";

/** The file that `--cidfile` names: reserved first, so that an id never overwrites another one. */
export class CidFile implements Disposable {
  readonly #path: string | undefined;
  /** Whether there is nothing to remove: the id is in it, or it was removed. */
  #written = false;

  /** Makes the file, if a path is given. Throws a {@linkcode CliError} if there is one already. */
  constructor(path: string | undefined) {
    this.#path = path;
    if (path === undefined) return;
    try {
      Deno.writeTextFileSync(path, "", { createNew: true });
    } catch (error) {
      const why = error instanceof Deno.errors.AlreadyExists
        ? "it exists already: remove it, or name another file"
        : messageOf(error);
      throw new CliError(`cannot write --cidfile ${path}: ${why}`, { cause: error });
    }
    // Where the command is left at once nothing else removes it.
    globalThis.addEventListener("unload", () => this[Symbol.dispose]());
  }

  /** Writes the id of the container, which has been created. */
  write(id: string): void {
    try {
      if (this.#path !== undefined) Deno.writeTextFileSync(this.#path, id);
    } catch (error) {
      throw new CliError(`--cidfile: ${messageOf(error)}`, { cause: error });
    }
    this.#written = true;
  }

  /** Takes the id back: its container was removed again. */
  takeBack(): void {
    this.#written = false;
    this[Symbol.dispose]();
  }

  /** Removes the file where no container was created. */
  [Symbol.dispose](): void {
    if (this.#path === undefined || this.#written) return;
    // Only once: afterwards another command may take the name.
    this.#written = true;
    removeFile(this.#path);
  }
}
