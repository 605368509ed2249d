// SPDX-License-Identifier: MIT
import { ResourceExhaustedError } from "../rpc/errors.ts";
import type { ExecProcessRequest } from "./messages/task.ts";
import type { Decoded } from "./protobuf/fields.ts";

/** The most that all specs may take, in bytes. */
const MAX_BYTES = 32 * 1024 * 1024;
/** An exec takes about so many bytes beside its spec. */
const EXEC_BYTES = 4096;
/** A value of a spec takes up to so many bytes once it is parsed, beside its text. */
const VALUE_BYTES = 128;
/** The characters of JSON that come before a value: a comma, a bracket and a brace. */
const BEFORE_VALUE = [0x2c, 0x5b, 0x7b];

/** Bounds the memory that execs take which are added and not started, in all containers of a shim. */
export class ExecSpecs {
  #held = 0;

  /**
   * Counts an exec until what this returns is disposed, which may be done more than once.
   *
   * @throws {ResourceExhaustedError} if there is no room for it.
   */
  hold(request: Decoded<typeof ExecProcessRequest>): Disposable {
    let bytes = sizeOf(request);
    if (this.#held + bytes > MAX_BYTES) {
      throw new ResourceExhaustedError(
        `execs that are not started take ${this.#held} bytes of the shim, and this one ${bytes} ` +
          `more; the most is ${MAX_BYTES}: start or delete some`,
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

function sizeOf({ spec, stdin, stdout, stderr }: Decoded<typeof ExecProcessRequest>): number {
  const text = spec?.value ?? new Uint8Array();
  let bytes = EXEC_BYTES + stdin.length + stdout.length + stderr.length + text.length;
  for (const char of BEFORE_VALUE) {
    // Once it is too much, it need not be known by how much.
    for (
      let at = text.indexOf(char);
      at >= 0 && bytes <= MAX_BYTES;
      at = text.indexOf(char, at + 1)
    ) {
      bytes += VALUE_BYTES;
    }
  }
  return bytes;
}
