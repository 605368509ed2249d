// SPDX-License-Identifier: MIT
import { mkfifo } from "../../linux/fd/fifo.ts";
import type { StdioPaths } from "../../oci/bundle_layout.ts";

/**
 * This side of a process's FIFOs. Opening one end of a FIFO waits for the other (fifo(7)), and a
 * reader without any writer sees its end at once; so each FIFO is also held open for both until
 * {@linkcode FifoStreams.release}, which is called when the shim has opened its ends.
 */
export class FifoStreams implements Disposable {
  /** The end that the process's stdin is written to. */
  readonly stdin: Deno.FsFile | undefined;
  /** Where the process's stdout is read from. */
  readonly stdout: Deno.FsFile | undefined;
  /** Where the process's stderr is read from; none with a terminal. */
  readonly stderr: Deno.FsFile | undefined;
  readonly #open: Deno.FsFile[] = [];
  #held: Deno.FsFile[] = [];

  /** Opens those of the stdio targets that are FIFOs. Throws when one is missing. */
  constructor(readonly params: StdioPaths) {
    try {
      if (isFifoTarget(params.stdin)) this.stdin = this.#openEnd(params.stdin, { write: true });
      if (isFifoTarget(params.stdout)) this.stdout = this.#openEnd(params.stdout, { read: true });
      if (isFifoTarget(params.stderr) && params.stderr !== params.stdout) {
        this.stderr = this.#openEnd(params.stderr, { read: true });
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Makes the FIFOs in `dir`, which only their user may enter, and opens them. */
  static make(dir: string, options: { stdin: boolean; terminal: boolean }): FifoStreams {
    const fifo = (name: string) => {
      mkfifo(`${dir}/${name}`, 0o600);
      return `${dir}/${name}`;
    };
    return new FifoStreams({
      stdin: options.stdin ? fifo("stdin") : "",
      stdout: fifo("stdout"),
      stderr: options.terminal ? "" : fifo("stderr"),
      terminal: options.terminal,
    });
  }

  #openEnd(path: string, mode: { read?: true; write?: true }): Deno.FsFile {
    this.#held.push(Deno.openSync(path, { read: true, write: true }));
    const end = Deno.openSync(path, mode);
    this.#open.push(end);
    return end;
  }

  /** Lets go of the other ends: these are open only as long as the other side holds its own. */
  release(): void {
    for (const file of this.#held) file.close();
    this.#held = [];
  }

  /** Ends the input of the process. */
  closeStdin(): void {
    const at = this.stdin ? this.#open.indexOf(this.stdin) : -1;
    if (at >= 0) this.#open.splice(at, 1)[0]?.close();
  }

  [Symbol.dispose](): void {
    this.release();
    for (const file of this.#open.splice(0)) file.close();
  }
}

/** Returns whether a stdio target is a FIFO (neither nothing nor a file). */
export function isFifoTarget(target: string): boolean {
  return target.startsWith("/");
}
