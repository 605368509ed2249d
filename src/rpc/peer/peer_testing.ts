// SPDX-License-Identifier: MIT
// Connections for the tests of this folder.
import type { ErrorListener } from "./handler.ts";
import type { Connection } from "./peer.ts";

/** One direction of a {@linkcode memoryPair}. */
class Pipe {
  #chunks: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #wake: (() => void)[] = [];
  constructor(readonly capacity: number) {}

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#chunks.length === 0) {
      if (this.#ended) return null;
      await this.#changed();
    }
    const chunk = this.#chunks[0]!;
    const count = Math.min(chunk.length, into.length);
    into.set(chunk.subarray(0, count));
    if (count === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(count);
    this.#size -= count;
    this.#wakeAll();
    return count;
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#ended) throw new Deno.errors.BrokenPipe("Broken pipe");
    if (bytes.length === 0) return 0;
    while (this.#size >= this.capacity) {
      await this.#changed();
      if (this.#ended) throw new Deno.errors.BrokenPipe("Broken pipe");
    }
    const count = Math.min(bytes.length, this.capacity - this.#size);
    this.#chunks.push(bytes.slice(0, count));
    this.#size += count;
    this.#wakeAll();
    return count;
  }

  end(): void {
    this.#ended = true;
    this.#wakeAll();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #wakeAll(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}

/** An end of a {@linkcode memoryPair}. */
export interface MemoryConnection extends Connection {
  /** Shuts down the sending direction alone, as shutdown(SHUT_WR). */
  closeWrite(): void;
}

/**
 * Two connected ends in memory; each direction holds `capacity` bytes, so larger writes are
 * partial.
 */
export function memoryPair(capacity = 64 * 1024): [MemoryConnection, MemoryConnection] {
  const there = new Pipe(capacity);
  const back = new Pipe(capacity);
  const end = (input: Pipe, output: Pipe): MemoryConnection => ({
    read: (into) => input.read(into),
    write: (bytes) => output.write(bytes),
    close: () => (input.end(), output.end()),
    closeWrite: () => output.end(),
  });
  return [end(back, there), end(there, back)];
}

/** Writes all of `bytes`. */
export async function writeAll(conn: Connection, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await conn.write(rest));
}

/** Reads to the end and parses each line. */
export async function readMessages(conn: Connection): Promise<unknown[]> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(64 * 1024);
  let text = "";
  for (let count; (count = await conn.read(buffer)) !== null;) {
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return text.split("\n").slice(0, -1).map((line): unknown => JSON.parse(line));
}

/** Sends lines, shuts down the sending side, and answers everything that comes back. */
export async function exchange(
  conn: MemoryConnection,
  ...lines: (string | Uint8Array)[]
): Promise<unknown[]> {
  const answers = readMessages(conn);
  const encoder = new TextEncoder();
  for (const line of lines) {
    await writeAll(conn, typeof line === "string" ? encoder.encode(line) : line);
    await writeAll(conn, encoder.encode("\n"));
  }
  conn.closeWrite();
  return await answers;
}

/** An {@linkcode ErrorListener} for ends whose handlers fail on purpose. */
export const ignore: ErrorListener = () => {};
