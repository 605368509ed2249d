// SPDX-License-Identifier: MIT
// Connections for tests of the server.
import { encode } from "../protobuf/codec.ts";
import { encodeFrame, FRAME } from "./frame.ts";
import { Request } from "./messages.ts";
import type { TtrpcConn } from "./server.ts";

/** Two ends of a connection; a write is read in pieces of `piece` bytes at most. */
export function pair(piece = 4096): [TtrpcConn, TtrpcConn] {
  const end = (readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>) => {
    const reader = readable.getReader();
    const writer = writable.getWriter();
    let rest = new Uint8Array();
    const conn: TtrpcConn = {
      async read(buffer) {
        if (rest.length === 0) {
          const { value, done } = await reader.read();
          if (done) return null;
          rest = new Uint8Array(value);
        }
        const count = Math.min(rest.length, buffer.length, piece);
        buffer.set(rest.subarray(0, count));
        rest = rest.subarray(count);
        return count;
      },
      async write(bytes) {
        await writer.write(bytes.slice(0, 65_536));
        return Math.min(bytes.length, 65_536);
      },
      close() {
        writer.close().catch(() => {/* Closed already. */});
        reader.cancel().catch(() => {/* Closed already. */});
      },
    };
    return conn;
  };
  const there = new TransformStream<Uint8Array, Uint8Array>();
  const back = new TransformStream<Uint8Array, Uint8Array>();
  return [end(there.readable, back.writable), end(back.readable, there.writable)];
}

/** Makes the frames of a connection's first calls of `method`, all with one payload. */
export function* requests(
  count: number,
  payload = new Uint8Array(),
  method = "count",
): Generator<Uint8Array> {
  const data = encode(Request, { service: "test", method, payload });
  for (let n = 0; n < count; n++) {
    yield encodeFrame({ stream: 2 * n + 1, type: FRAME.request, data });
  }
}

/** Writes frames as fast as they are taken; resolves when the last one is. */
export async function sendAll(conn: TtrpcConn, frames: Iterable<Uint8Array>): Promise<void> {
  for (const frame of frames) {
    for (let rest = frame; rest.length > 0;) rest = rest.subarray(await conn.write(rest));
  }
}

/** Waits until `counted` has stayed the same for many turns of the event loop. */
export async function settled(counted: () => number): Promise<number> {
  for (let last = -1, same = 0; same < 50; same++) {
    if (counted() !== last) [last, same] = [counted(), 0];
    await new Promise((resolve) => setTimeout(resolve));
  }
  return counted();
}
