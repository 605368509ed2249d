// SPDX-License-Identifier: MIT
import { ResourceExhaustedError } from "../rpc/errors.ts";
import { countValues } from "../rpc/protocol/value_count.ts";
import type { ExecProcessRequest } from "./messages/task.ts";
import type { Decoded } from "./protobuf/fields.ts";
import { countedBytes } from "./ttrpc/frame.ts";

/** The most that all may take, in bytes. */
const MAX_BYTES = 32 * 1024 * 1024;
/** An exec takes about so many bytes beside its spec. */
const EXEC_BYTES = 4096;
/** A value of JSON takes up to so many bytes once it is parsed, beside its text. */
const VALUE_BYTES = 128;
/** The characters of JSON that come before a value: a comma, a bracket and a brace. */
const BEFORE_VALUE = [0x2c, 0x5b, 0x7b];

/**
 * Bounds the memory that execs which are added and not started take, in all containers of a shim, and
 * that of large calls for as long as they run: also once their client has gone or given up.
 */
export class RequestBudget {
  #held = 0;

  /**
   * Counts an exec until what this returns is disposed, which may be done more than once.
   *
   * @throws {ResourceExhaustedError} if there is no room for it.
   */
  holdExec({ spec, stdin, stdout, stderr }: Decoded<typeof ExecProcessRequest>): Disposable {
    const paths = stdin.length + stdout.length + stderr.length;
    return this.#hold(EXEC_BYTES + paths + sizeOfJson(spec?.value ?? new Uint8Array()));
  }

  /**
   * Counts a call with this payload until what this returns is disposed: a short one for nothing, as the
   * connections do.
   *
   * @throws {ResourceExhaustedError} if there is no room for it.
   */
  holdCall(payload: Uint8Array): Disposable {
    return this.#hold(countedBytes(payload.length) === 0 ? 0 : sizeOfCall(payload));
  }

  #hold(size: number): Disposable {
    let bytes = size;
    if (bytes > 0 && this.#held + bytes > MAX_BYTES) {
      throw new ResourceExhaustedError(
        `execs that are not started and calls under way take ${this.#held} bytes of the shim, and ` +
          `this one ${bytes} more; the most is ${MAX_BYTES}: start or delete some execs`,
      );
    }
    this.#held += bytes;
    return {
      [Symbol.dispose]: () => {
        this.#held -= bytes;
        bytes = 0;
      },
    };
  }
}

/** Returns about what JSON takes, parsed. */
function sizeOfJson(json: Uint8Array): number {
  return json.length + VALUE_BYTES * countValues(json, MAX_BYTES / VALUE_BYTES);
}

/**
 * Returns the most that a call may take whose payload has JSON. Where that begins is not known, and so
 * not which quotes are its own: a value counts for what is in strings, too.
 */
function sizeOfCall(payload: Uint8Array): number {
  let bytes = payload.length;
  for (const char of BEFORE_VALUE) {
    // Once it is too much, it need not be known by how much.
    for (
      let at = payload.indexOf(char);
      at >= 0 && bytes <= MAX_BYTES;
      at = payload.indexOf(char, at + 1)
    ) {
      bytes += VALUE_BYTES;
    }
  }
  return bytes;
}
