// SPDX-License-Identifier: MIT
import {
  BLOCK,
  decodeHeader,
  isEntryFlag,
  padding,
  parsePax,
  type TarEntry,
} from "./tar_header.ts";

/** The most that extended headers may hold about one entry, in bytes. */
const MAX_EXTENDED = 1024 * 1024;

/** An entry, and its content while nothing after it has been read. */
export interface TarItem {
  readonly entry: TarEntry;
  readonly content: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/**
 * Reads a tar archive: ustar, pax, and GNU's long names.
 *
 * @throws {SyntaxError} if it is none, or ends too early.
 */
export async function* readTar(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<TarItem> {
  const input = new ByteReader(chunks);
  let next = new Map<string, string>();
  while (true) {
    const block = await input.take(BLOCK);
    const header = block && decodeHeader(block);
    if (header === undefined) return;
    const { flag, entry } = header;
    if (!isEntryFlag(flag)) {
      if (entry.size > MAX_EXTENDED) throw new SyntaxError("a header of this archive is too large");
      const content = await input.takeAll(entry.size);
      await input.takeAll(padding(entry.size).length);
      if (flag === "x") next = new Map([...next, ...parsePax(content)]);
      const long = new TextDecoder().decode(content).replace(/\0.*$/s, "");
      if (flag === "L") next.set("path", long);
      if (flag === "K") next.set("linkpath", long);
      continue;
    }
    const size = Number(next.get("size") ?? entry.size);
    // Only a regular file is followed by content, whatever the size of a link says.
    const held = entry.type === "file" ? size : 0;
    const rest = { left: held };
    yield {
      entry: {
        ...entry,
        path: (next.get("path") ?? entry.path).replace(/\/+$/, ""),
        target: next.get("linkpath") ?? entry.target,
        uid: Number(next.get("uid") ?? entry.uid),
        gid: Number(next.get("gid") ?? entry.gid),
        mtime: Number(next.get("mtime") ?? entry.mtime),
        size: held,
      },
      content: contentOf(input, rest),
    };
    next = new Map();
    // The rest of it that was not read.
    for await (const _ of contentOf(input, rest)) continue;
    await input.takeAll(padding(held).length);
  }
}

async function* contentOf(input: ByteReader, rest: { left: number }) {
  while (rest.left > 0) {
    const chunk = await input.takeSome(rest.left);
    if (chunk === undefined) throw new SyntaxError("this archive ends too early");
    rest.left -= chunk.length;
    yield chunk;
  }
}

/** Bytes of a stream, as many at a time as are asked for. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array<ArrayBuffer>>;
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array();

  constructor(chunks: AsyncIterable<Uint8Array<ArrayBuffer>>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Returns at least one byte and at most `length`; undefined at the end. */
  async takeSome(length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return undefined;
      this.#rest = value;
    }
    const some = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(some.length);
    return some;
  }

  /** Returns exactly `length` bytes; undefined at the end of the stream. */
  async take(length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const all = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const some = await this.takeSome(length - done);
      if (some === undefined && done === 0) return undefined;
      if (some === undefined) throw new SyntaxError("this archive ends too early");
      all.set(some, done);
      done += some.length;
    }
    return all;
  }

  async takeAll(length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (length === 0) return new Uint8Array();
    const all = await this.take(length);
    if (all === undefined) throw new SyntaxError("this archive ends too early");
    return all;
  }
}
