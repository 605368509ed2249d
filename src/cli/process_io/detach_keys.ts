// SPDX-License-Identifier: MIT
// The keys that leave a process running.
import type { Command } from "commander";
import { CliError } from "../common/exit_status.ts";

/** As in docker. */
const DEFAULT_KEYS = "ctrl-p,ctrl-q";

/** The typed bytes that go on to the process, and whether the keys to detach were typed. */
export interface Typed {
  readonly forward: Uint8Array<ArrayBuffer>;
  readonly detached: boolean;
}

/**
 * Looks for a key sequence in what is typed (Ctrl-P Ctrl-Q unless told otherwise). The beginning of
 * a possible sequence is held back until the next key decides; a sequence that breaks off is
 * forwarded whole, so that nothing typed is lost.
 */
export class DetachKeys {
  readonly #keys: Uint8Array;
  #matched = 0;

  /** @param keys The bytes of the sequence; without any nothing ever detaches. */
  constructor(keys: Uint8Array = parseDetachKeys(DEFAULT_KEYS)) {
    this.#keys = keys;
  }

  /** Takes what was typed. After `detached`, the bytes behind the sequence are dropped. */
  feed(bytes: Uint8Array): Typed {
    const forward: number[] = [];
    for (const byte of bytes) {
      if (this.#keys.length > 0 && byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) {
          this.#matched = 0;
          return { forward: Uint8Array.from(forward), detached: true };
        }
        continue;
      }
      // The bytes held back are the sequence's own beginning. After a break only the new byte can
      // begin it again: sequences whose beginning repeats inside them are not worth more.
      forward.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) forward.push(byte);
    }
    return { forward: Uint8Array.from(forward), detached: false };
  }

  /** Returns the bytes that are still held back, for the end of input. */
  rest(): Uint8Array<ArrayBuffer> {
    const held = this.#keys.slice(0, this.#matched);
    this.#matched = 0;
    return Uint8Array.from(held);
  }
}

/**
 * Returns the bytes of a key sequence written as docker does: `ctrl-p,ctrl-q`, `a,b`; empty for
 * none. Throws a `RangeError` that names the key it does not know.
 */
export function parseDetachKeys(text: string): Uint8Array {
  if (text === "") return new Uint8Array();
  return Uint8Array.from(text.split(","), (key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (/^[\x21-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw new RangeError(`unknown key ${JSON.stringify(key)}: expected ctrl-p, a or the like`);
  });
}

/** Adds the option that says which keys detach. */
export function withDetachKeys(command: Command): Command {
  return command.option(
    "--detach-keys <keys>",
    "keys that leave the process running",
    DEFAULT_KEYS,
  );
}

/**
 * Returns the matcher for the value of `--detach-keys`. Throws a {@linkcode CliError} that names a key
 * that is not known.
 */
export function detachKeysOf(text: string | undefined): DetachKeys {
  try {
    return new DetachKeys(parseDetachKeys(text ?? DEFAULT_KEYS));
  } catch (error) {
    if (error instanceof RangeError) throw new CliError(error.message, { cause: error });
    throw error;
  }
}
