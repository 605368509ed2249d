// SPDX-License-Identifier: MIT
import { ByteBudget } from "./byte_budget.ts";
import type { ByteAccount } from "./byte_budget.ts";

/** Longest line that may cross a connection, in bytes, without its newline. */
export const MAX_LINE = 16 * 1024 * 1024;

/** Stands, once, for a line that is too long where {@linkcode LineReader.next} returns lines. */
export const TOO_LONG: unique symbol = Symbol("line too long");

const NEWLINE = 10;
/** A buffer for split lines above this many bytes is given back once its line is out. */
const KEPT_BUFFER = 64 * 1024;

/**
 * Cuts a stream of bytes into lines. It is given a chunk, then asked for lines until it has none:
 * that lets a caller stop between two lines. Never holds more than one chunk and one line.
 */
export class LineReader implements Disposable {
  readonly #max: number;
  readonly #account: ByteAccount;
  #chunk = new Uint8Array(0);
  #start = 0;
  /** The beginning of a line whose end has not come yet: the first #length bytes. */
  #partial = new Uint8Array(0);
  #length = 0;
  /** The buffer of the line that was returned last, if it is not kept. */
  #spent = new Uint8Array(0);
  /** Inside a line that was reported as too long. */
  #skipping = false;

  /**
   * Lines of more than `max` bytes are reported as {@linkcode TOO_LONG}. `account` counts what is
   * kept of an unfinished line.
   */
  constructor(
    max: number = MAX_LINE,
    account: ByteAccount = new ByteBudget().open(() => {}),
  ) {
    this.#max = max;
    this.#account = account;
  }

  /**
   * Takes the next bytes. They are borrowed until {@linkcode next} returns undefined, which it must
   * have done before the next call.
   */
  feed(chunk: Uint8Array<ArrayBuffer>): void {
    this.#chunk = chunk;
    this.#start = 0;
  }

  /**
   * Returns the next line without its newline, {@linkcode TOO_LONG} for one that is over the limit
   * (as soon as that is known), or undefined when more bytes are needed. A line is a view that
   * holds until the next call of any method.
   */
  next(): Uint8Array<ArrayBuffer> | typeof TOO_LONG | undefined {
    this.#spent = resized(this.#spent, 0);
    if (this.#skipping && !this.#skip()) return undefined;
    const chunk = this.#chunk;
    const start = this.#start;
    if (start >= chunk.length) return undefined;
    const newline = chunk.indexOf(NEWLINE, start);
    const end = newline < 0 ? chunk.length : newline;
    this.#start = end + 1;
    if (this.#length + end - start > this.#max) {
      this.#skipping = newline < 0;
      this.#forget();
      return TOO_LONG;
    }
    if (newline >= 0 && this.#length === 0) return chunk.subarray(start, end);
    this.#append(chunk.subarray(start, end));
    return newline < 0 ? undefined : this.#take();
  }

  /** Returns the unfinished line at the end of the stream, if there is one. */
  end(): Uint8Array<ArrayBuffer> | undefined {
    return this.#length === 0 ? undefined : this.#take();
  }

  /** Frees its memory at once. Nothing may be called any more. */
  [Symbol.dispose](): void {
    resized(this.#spent, 0);
    resized(this.#partial, 0);
  }

  /** Passes over the rest of a line that is too long. Returns whether its end was found. */
  #skip(): boolean {
    const newline = this.#chunk.indexOf(NEWLINE, this.#start);
    this.#start = newline < 0 ? this.#chunk.length : newline + 1;
    this.#skipping = newline < 0;
    return newline >= 0;
  }

  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#partial.length) {
      // Doubled, so that a line which comes byte by byte is not copied for each of them.
      const size = Math.max(length, Math.min(this.#partial.length * 2, this.#max));
      const more = size - this.#partial.length;
      this.#partial = resized(this.#partial, size);
      this.#account.add(more);
    }
    this.#partial.set(bytes, this.#length);
    this.#length = length;
  }

  #take(): Uint8Array<ArrayBuffer> {
    const line = this.#partial.subarray(0, this.#length);
    this.#forget();
    return line;
  }

  #forget(): void {
    this.#length = 0;
    if (this.#partial.length <= KEPT_BUFFER) return;
    this.#account.add(-this.#partial.length);
    this.#spent = this.#partial;
    this.#partial = new Uint8Array(0);
  }
}

/**
 * Returns `bytes` in a buffer of another size. The old one, which must not be used any more, is freed
 * at once, and not when V8 collects garbage; Node 20 cannot do that.
 */
function resized(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  if (bytes.length === size) return bytes;
  if ("transfer" in bytes.buffer) return new Uint8Array(bytes.buffer.transfer(size));
  const copy = new Uint8Array(size);
  copy.set(bytes.subarray(0, size));
  return copy;
}
