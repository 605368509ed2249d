// SPDX-License-Identifier: MIT
import { ImageError } from "./errors.ts";

/** The first bytes of compressed files: gzip (RFC 1952), which is taken, and what is not. */
const MAGIC = {
  gzip: [0x1f, 0x8b],
  xz: [0xfd, 0x37, 0x7a],
  zstd: [0x28, 0xb5, 0x2f],
  bzip2: [0x42, 0x5a, 0x68],
} as const;

/** So many bytes tell how a file is compressed. */
const MAGIC_BYTES = 3;

/**
 * Returns how the file that begins like this is compressed; undefined where it is not.
 *
 * @throws {ImageError} if nobody here can undo it.
 */
function compressionOf(head: Uint8Array): "gzip" | undefined {
  const found = Object.entries(MAGIC).find(([, bytes]) =>
    bytes.every((byte, at) => head[at] === byte)
  )?.[0];
  if (found === undefined || found === "gzip") return found;
  throw new ImageError(`the archive is compressed with ${found}: pass it through ${found} -dc`);
}

/**
 * Returns whether a file is compressed.
 *
 * @throws {ImageError} if nobody here can undo it.
 */
export function isCompressed(path: string): boolean {
  using file = Deno.openSync(path);
  const head = new Uint8Array(MAGIC_BYTES);
  return compressionOf(head.subarray(0, file.readSync(head) ?? 0)) !== undefined;
}

/**
 * Returns the content of a stream that may be compressed with gzip.
 *
 * @throws {ImageError} if nobody here can undo it; the signal's reason.
 */
export async function uncompressed(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  signal?: AbortSignal,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const reader = stream.getReader();
  const head = await readHead(reader, signal);
  const content = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(head),
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  try {
    if (compressionOf(head) === undefined) return content;
  } catch (error) {
    await content.cancel();
    throw error;
  }
  return content.pipeThrough(new DecompressionStream("gzip"));
}

/** Reads at least {@linkcode MAGIC_BYTES}, unless the stream ends before: a pipe may bring one by one. */
async function readHead(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const abort = () => void reader.cancel();
  signal?.addEventListener("abort", abort);
  try {
    let head = new Uint8Array();
    while (head.length < MAGIC_BYTES) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) break;
      head = Uint8Array.from([...head, ...value]);
    }
    return head;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
