// SPDX-License-Identifier: MIT

/** Where a {@linkcode LineWriter} writes: like a `Deno.Conn`, it may take only part of the bytes. */
export interface ByteSink {
  /** Writes a beginning of `bytes` and answers how many it took. */
  write(bytes: Uint8Array): Promise<number>;
}

/** About how much goes into one write: enough for speed, little to hold twice (text and bytes). */
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
  #lines: string[] = [];
  #queued = 0;
  #small: Uint8Array | undefined;
  #busy = false;
  #closed = false;
  #waiting: { limit: number; resolve: () => void }[] = [];

  /** `onError` is told, once, that a write failed; everything queued is then gone. */
  constructor(sink: ByteSink, onError: (error: unknown) => void) {
    this.#sink = sink;
    this.#onError = onError;
  }

  /** What is not written yet, in bytes; text not encoded yet counts one per UTF-16 unit. */
  get queuedBytes(): number {
    return this.#queued;
  }

  /** Queues a line, given without its newline. Does nothing once closed. */
  write(line: string): void {
    if (this.#closed) return;
    this.#lines.push(line);
    this.#queued += line.length + 1;
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
    this.#queued = 0;
    this.#wake();
  }

  /** Never rejects: a failed write goes to onError. */
  async #flush(): Promise<void> {
    try {
      while (this.#lines.length > 0) {
        const text = this.#takeText();
        const bytes = this.#encode(text);
        this.#queued += bytes.length - text.length;
        await this.#writeAll(bytes);
        if (this.#closed) return;
      }
      this.#busy = false;
    } catch (error) {
      if (this.#closed) return;
      this.close();
      this.#onError(error);
    }
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
    if (count === 1) return lines[0] + "\n";
    if (count < lines.length) lines.length = count;
    return lines.join("\n") + "\n";
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      const count = await this.#sink.write(rest);
      if (this.#closed) return;
      if (count <= 0) throw new Error("the connection takes no more bytes");
      this.#queued -= count;
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
