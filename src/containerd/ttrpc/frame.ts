// SPDX-License-Identifier: MIT
// Reads and writes the frames of ttrpc.

/** The largest data of a frame, in bytes (ttrpc's protocol: 4 MiB). */
export const MAX_DATA = 4 * 1024 * 1024;

/** A frame's header: length, stream, type, flags. */
const HEADER = 10;

/** How many bytes are read at a time, so that a short frame takes one read. */
const READ_SIZE = 4096;

/**
 * Returns for how many bytes data of this length count where a server bounds what it holds: short
 * ones are free, so that a client without large ones is never in the way of others.
 */
export function countedBytes(length: number): number {
  return length > READ_SIZE ? length : 0;
}

/** The types of frames. */
export const FRAME = { request: 1, response: 2, data: 3 };

/** Flags of a request, about the client's side of the stream. */
export const FLAG = { remoteClosed: 1, remoteOpen: 2 };

/** One frame. Its data are undefined where it was longer than {@linkcode MAX_DATA}. */
export interface Frame {
  readonly stream: number;
  readonly type: number;
  readonly flags: number;
  readonly data: Uint8Array<ArrayBuffer> | undefined;
}

/** Encodes a frame. */
export function encodeFrame(
  frame: { stream: number; type: number; flags?: number; data: Uint8Array },
): Uint8Array<ArrayBuffer> {
  const { stream, type, flags = 0, data } = frame;
  const bytes = new Uint8Array(HEADER + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  view.setUint32(4, stream);
  view.setUint8(8, type);
  view.setUint8(9, flags);
  bytes.set(data, HEADER);
  return bytes;
}

/**
 * Reads frames from a connection. It holds one frame at most, and what has been read of the next; the
 * data of one that is too long are passed over.
 */
export class FrameReader {
  readonly #read: (buffer: Uint8Array) => Promise<number | null>;
  readonly #onLength: ((length: number) => void) | undefined;
  readonly #header = new Uint8Array(HEADER);
  readonly #buffer = new Uint8Array(READ_SIZE);
  /** The part of the buffer that belongs to no frame yet. */
  #unread = this.#buffer.subarray(0, 0);

  /**
   * @param read Reads some bytes, as `Deno.Conn.read` does.
   * @param onLength Called before the data of a frame are read, with their length.
   */
  constructor(
    read: (buffer: Uint8Array) => Promise<number | null>,
    onLength?: (length: number) => void,
  ) {
    this.#read = read;
    this.#onLength = onLength;
  }

  /** Returns the next frame; undefined at the end of the connection, also within a frame. */
  async next(): Promise<Frame | undefined> {
    if (!await this.#fill(this.#header)) return undefined;
    const view = new DataView(this.#header.buffer);
    const length = view.getUint32(0);
    const head = { stream: view.getUint32(4), type: view.getUint8(8), flags: view.getUint8(9) };
    if (length > MAX_DATA) {
      return await this.#passOver(length) ? { ...head, data: undefined } : undefined;
    }
    this.#onLength?.(length);
    const data = new Uint8Array(length);
    let isWhole = false;
    try {
      isWhole = await this.#fill(data);
    } finally {
      // Freed at once, and not when V8 collects garbage.
      if (!isWhole) data.buffer.transfer(0);
    }
    return isWhole ? { ...head, data } : undefined;
  }

  async #fill(target: Uint8Array): Promise<boolean> {
    for (let at = 0; at < target.length;) {
      if (this.#unread.length === 0) {
        const rest = target.subarray(at);
        const isLong = rest.length >= READ_SIZE;
        const count = await this.#read(isLong ? rest : this.#buffer);
        if (count === null) return false;
        if (isLong) {
          at += count;
          continue;
        }
        this.#unread = this.#buffer.subarray(0, count);
      }
      const part = this.#unread.subarray(0, target.length - at);
      target.set(part, at);
      at += part.length;
      this.#unread = this.#unread.subarray(part.length);
    }
    return true;
  }

  async #passOver(length: number): Promise<boolean> {
    const part = new Uint8Array(16 * READ_SIZE);
    for (let left = length; left > 0; left -= part.length) {
      if (!await this.#fill(part.subarray(0, left))) return false;
    }
    return true;
  }
}

/** Writes frames one after another, so that those of concurrent answers do not interleave. */
export class FrameWriter {
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  #last: Promise<void> = Promise.resolve();
  #queued = 0;

  /** @param write Writes some bytes and returns how many, as `Deno.Conn.write` does. */
  constructor(write: (bytes: Uint8Array) => Promise<number>) {
    this.#write = write;
  }

  /** The bytes that wait to be written. */
  get queuedBytes(): number {
    return this.#queued;
  }

  /** Writes a frame behind those before it. Rejects if the connection takes no more. */
  write(frame: Parameters<typeof encodeFrame>[0]): Promise<void> {
    const bytes = encodeFrame(frame);
    this.#queued += bytes.length;
    this.#last = this.#last.then(async () => {
      try {
        for (let rest = bytes; rest.length > 0;) {
          rest = rest.subarray(await this.#write(rest));
        }
      } finally {
        this.#queued -= bytes.length;
      }
    });
    return this.#last;
  }
}
