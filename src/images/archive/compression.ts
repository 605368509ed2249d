// SPDX-License-Identifier: MIT
// Recognizes compressed archives, and undoes them by programs.
import { ImageError } from "../image_errors.ts";
import { spawnProgram } from "../spawn_program.ts";

/** How files are compressed, and the program that undoes it with `-dc`: both have one name. */
type Compression = keyof typeof PACKAGES;

/** Debian's packages of the programs. */
const PACKAGES = { gzip: "gzip", xz: "xz-utils", zstd: "zstd", bzip2: "bzip2" } as const;

/** The first bytes of compressed files (for gzip: RFC 1952). */
const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["xz", [0xfd, 0x37, 0x7a]],
  ["zstd", [0x28, 0xb5, 0x2f]],
  ["bzip2", [0x42, 0x5a, 0x68]],
];

/** How many bytes at its beginning show how a file is compressed. */
const MAGIC_BYTES = 3;

/** Returns how the file that begins like this is compressed; undefined where it is not. */
function compressionOf(head: Uint8Array): Compression | undefined {
  return MAGIC.find(([, bytes]) => bytes.every((byte, at) => head[at] === byte))?.[0];
}

/** Returns whether a file is compressed. */
export function isCompressed(path: string): boolean {
  using file = Deno.openSync(path);
  const head = new Uint8Array(MAGIC_BYTES);
  return compressionOf(head.subarray(0, file.readSync(head) ?? 0)) !== undefined;
}

/**
 * Returns the content of a stream that may be compressed. A stream of gzip, xz, zstd or bzip2 is undone
 * by the program of that name, which takes whatever its format allows, such as several members;
 * skopeo itself takes archives with some of these, by version.
 *
 * @param name The name of the archive in messages.
 * @throws {ImageError} if the program is not in PATH; the signal's reason. Reading throws one if the
 *   program fails.
 */
export async function uncompressed(
  name: string,
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
  const compression = compressionOf(head);
  if (compression === undefined) return content;
  try {
    return throughProgram(compression, name, content, signal);
  } catch (error) {
    await content.cancel();
    throw error;
  }
}

/** Returns a stream as a program undoes it. The signal ends the program. */
function throughProgram(
  program: Compression,
  name: string,
  content: ReadableStream<Uint8Array<ArrayBuffer>>,
  signal?: AbortSignal,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const child = spawnProgram(
    program,
    { args: ["-dc"], stdin: "piped", signal },
    (options) =>
      new ImageError(
        `${name} is compressed, and ${program} is not in PATH: install the package ${
          PACKAGES[program]
        }`,
        options,
      ),
  );
  const stderr = child.stderr.text();
  const ended = new AbortController();
  void child.status.finally(() => ended.abort());
  content.pipeTo(child.stdin, { signal: ended.signal }).catch(() => {
    // Where it lacks a part of its input, the program says so.
  });
  return child.stdout.pipeThrough(
    new TransformStream({
      async flush() {
        const { success } = await child.status;
        signal?.throwIfAborted();
        if (!success) throw new ImageError(`${name} cannot be read: ${(await stderr).trim()}`);
      },
    }),
  );
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
