// SPDX-License-Identifier: MIT

// RFC 9113, section 6: types of frames, and their flags.
const DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, WINDOW_UPDATE = 8;
const ACK = 1, END_STREAM = 1, END_HEADERS = 4;
const FRAME_HEADER = 9;

const encoder = new TextEncoder();
const PREFACE = encoder.encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** An empty message: one byte that says it is not compressed, and its length in four. */
const MESSAGE = new Uint8Array(5);

// RFC 7541: what the static table has by index; the rest is put into the dynamic table by the first
// request (6.2.1), so that those after it name it by index too (6.1), the latest put being 62.
const POST = 0x83, HTTP = 0x86;
const FIRST_FIELDS = [
  POST,
  HTTP,
  ...indexed(4, "/containerd.services.version.v1.Version/Version"),
  ...indexed(1, "localhost"),
  ...indexed(31, "application/grpc"),
  0x40,
  ...literal("te"),
  ...literal("trailers"),
];
const FIELDS = [POST, HTTP, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62];

/** Calls containerd's `Version`, with no more of HTTP/2 than that takes. */
export function grpc(connection: Deno.Conn): () => Promise<void> {
  const first = bytes(request(FIRST_FIELDS));
  const next = bytes(request(FIELDS));
  const input = new FrameReader(connection);
  let stream = -1;
  return async () => {
    stream += 2;
    if (stream === 1) await writeAll(connection, bytes([...PREFACE, ...opening()]));
    await writeAll(connection, onStream(stream === 1 ? first : next, stream));
    let answered = false;
    while (true) {
      const { type, flags, on, payload } = await input.next();
      // A call that was answered before it was read to its end is reset behind its answer.
      if (type === RST_STREAM && on !== stream) continue;
      if (type === DATA) answered = true;
      else if (type === SETTINGS && (flags & ACK) === 0) {
        await writeAll(connection, bytes(frame(SETTINGS, ACK, [])));
      } else if (type === PING && (flags & ACK) === 0) {
        await writeAll(connection, bytes(frame(PING, ACK, [...payload])));
      } else if (type === HEADERS && (flags & END_STREAM) !== 0) {
        // An error has trailers only.
        if (!answered) throw new Error("containerd answered with an error");
        return;
      } else if (type !== HEADERS && type !== SETTINGS && type !== WINDOW_UPDATE) {
        throw new Error(`containerd sent a frame of type ${type}`);
      }
    }
  };
}

/** Settings, none, and a window for the whole connection that is never used up. */
function opening(): number[] {
  return [...frame(SETTINGS, 0, []), ...frame(WINDOW_UPDATE, 0, [0x7f, 0xfe, 0, 0])];
}

function request(fields: readonly number[]): number[] {
  return [...frame(HEADERS, END_HEADERS, fields), ...frame(DATA, END_STREAM, [...MESSAGE])];
}

function frame(type: number, flags: number, payload: readonly number[]): number[] {
  const { length } = payload;
  return [length >> 16, (length >> 8) & 0xff, length & 0xff, type, flags, 0, 0, 0, 0, ...payload];
}

/** A request with the number of its stream put into both of its frames. */
function onStream(request: Uint8Array<ArrayBuffer>, stream: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(request.buffer);
  view.setUint32(5, stream);
  view.setUint32(request.length - MESSAGE.length - 4, stream);
  return request;
}

/** A field whose name has an index in the static table, put into the dynamic one. */
function indexed(name: number, value: string): number[] {
  return [0x40 | name, ...literal(value)];
}

/** A string, not Huffman-coded, shorter than 127 bytes. */
function literal(text: string): number[] {
  return [text.length, ...encoder.encode(text)];
}

function bytes(list: readonly number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(list);
}

async function writeAll(connection: Deno.Conn, data: Uint8Array): Promise<void> {
  for (let done = 0; done < data.length;) done += await connection.write(data.subarray(done));
}

interface Frame {
  readonly type: number;
  readonly flags: number;
  /** Number of the stream. */
  readonly on: number;
  readonly payload: Uint8Array;
}

/** Reads frames, of which any number may come at once. */
class FrameReader {
  readonly #connection: Deno.Conn;
  readonly #buffer = new Uint8Array(65_536);
  #from = 0;
  #to = 0;

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  async next(): Promise<Frame> {
    await this.#have(FRAME_HEADER);
    const [high = 0, middle = 0, low = 0, type = 0, flags = 0] = this.#buffer.subarray(this.#from);
    const on = new DataView(this.#buffer.buffer).getUint32(this.#from + 5);
    const length = (high << 16) | (middle << 8) | low;
    await this.#have(FRAME_HEADER + length);
    const start = this.#from + FRAME_HEADER;
    this.#from = start + length;
    return { type, flags, on, payload: this.#buffer.subarray(start, this.#from) };
  }

  async #have(count: number): Promise<void> {
    while (this.#to - this.#from < count) {
      if (this.#from > 0) {
        this.#buffer.copyWithin(0, this.#from, this.#to);
        this.#to -= this.#from;
        this.#from = 0;
      }
      const read = await this.#connection.read(this.#buffer.subarray(this.#to));
      if (read === null) throw new Error("containerd closed the connection");
      this.#to += read;
    }
  }
}
