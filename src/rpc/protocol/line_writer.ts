// SPDX-License-Identifier: MIT
import { ByteBudget } from "./byte_budget.ts";
import type { ByteAccount } from "./byte_budget.ts";
import { textBytes } from "./text_bytes.ts";

/** Where a {@linkcode LineWriter} writes: like a `Deno.Conn`, it may take only part of the bytes. */
export interface ByteSink {
  /** Writes a beginning of `bytes` and returns its length. */
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * About how much is encoded and written at once, in UTF-16 units: enough for speed, and little to
 * hold twice, as text and as bytes.
 */
const BATCH = 256 * 1024;

/** Length of a text, in UTF-16 units of at most three bytes, that is encoded into a kept buffer. */
const SMALL = 1024;

const encoder = new TextEncoder();

/**
 * Queues lines and writes them in order. Lines that are queued while a write is under way, or in
 * the same tick, go out together in one write.
 */
export class LineWriter {
  readonly #sink: ByteSink;
  readonly #onError: (error: unknown) => void;
  readonly #account: ByteAccount;
  #lines: string[] = [];
  #queued = 0;
  #small: Uint8Array | undefined;
  #busy = false;
  #closed = false;
  #waiting: { limit: number; resolve: () => void }[] = [];

  /**
   * `onError` is called once, when a write fails; everything queued is then gone. `account` counts
   * what is queued.
   */
  constructor(
    sink: ByteSink,
    onError: (error: unknown) => void,
    account: ByteAccount = new ByteBudget().open(() => {}),
  ) {
    this.#sink = sink;
    this.#onError = onError;
    this.#account = account;
  }

  /** Bytes that are not written yet; text that is not encoded yet counts as {@linkcode textBytes}. */
  get queuedBytes(): number {
    return this.#queued;
  }

  /** Queues a line, given without its newline. Does nothing once closed. */
  write(line: string): void {
    if (this.#closed) return;
    this.#lines.push(line);
    this.#count(textBytes(line) + 1);
    if (this.#busy) return;
    this.#busy = true;
    queueMicrotask(() => this.#flush());
  }

  /** Resolves when at most `limit` bytes are queued, or the writer is closed. */
  drain(limit = 0): Promise<void> {
    if (this.#closed || this.#queued <= limit) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ limit, resolve }));
  }

  /** Drops what is queued and writes no more. */
  close(): void {
    this.#closed = true;
    this.#lines = [];
    this.#count(-this.#queued);
    this.#wake();
  }

  /** Never rejects: a failed write goes to onError. */
  async #flush(): Promise<void> {
    try {
      while (this.#lines.length > 0) {
        await this.#writeText(this.#takeText());
        if (this.#closed) return;
      }
      this.#busy = false;
    } catch (error) {
      if (this.#closed) return;
      this.close();
      this.#onError(error);
    }
  }

  /** Writes a text piece by piece, so that the bytes of a long one are never held as a whole. */
  async #writeText(text: string): Promise<void> {
    const perUnit = textBytes(text) / text.length;
    for (let start = 0; start < text.length && !this.#closed;) {
      const end = endOfPiece(text, start);
      const bytes = this.#encode(text.slice(start, end));
      this.#count(bytes.length - perUnit * (end - start));
      start = end;
      await this.#writeAll(bytes);
    }
  }

  #count(delta: number): void {
    this.#queued += delta;
    this.#account.add(delta);
  }

  /** Short texts, which are most, share one buffer: one write is under way at a time. */
  #encode(text: string): Uint8Array {
    if (text.length > SMALL) return encoder.encode(text);
    this.#small ??= new Uint8Array(SMALL * 3);
    return this.#small.subarray(0, encoder.encodeInto(text, this.#small).written);
  }

  #takeText(): string {
    const lines = this.#lines;
    let count = 0;
    for (let size = 0; count < lines.length && size < BATCH; count++) size += lines[count]!.length;
    if (count === lines.length) this.#lines = [];
    else this.#lines = lines.slice(count);
    if (count < lines.length) lines.length = count;
    const text = lines.join("\n") + "\n";
    // One wide character makes the whole text wide.
    this.#count(textBytes(text) - lines.reduce((sum, line) => sum + textBytes(line) + 1, 0));
    return text;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      const count = await this.#sink.write(rest);
      if (this.#closed) return;
      if (count <= 0) throw new Error("the connection takes no more bytes");
      this.#count(-count);
      if (this.#waiting.length > 0) this.#wake();
      rest = rest.subarray(count);
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((one) => this.#queued > one.limit);
    for (const one of waiting) if (this.#queued <= one.limit) one.resolve();
  }
}

/** Returns the end of a piece of about twice {@linkcode BATCH} units that begins at `start`. */
function endOfPiece(text: string, start: number): number {
  const end = start + 2 * BATCH;
  if (end >= text.length) return text.length;
  // Two units that make one character (a surrogate pair) stay together.
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last < 0xdc00 ? end - 1 : end;
}
