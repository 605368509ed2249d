// SPDX-License-Identifier: MIT
// Finds the last lines of a file, and follows it as it grows.
import { withTimeout } from "../../linux/event_loop/with_timeout.ts";

/** Bytes read at a time. */
const CHUNK = 64 * 1024;

/**
 * How far back lines are looked for, in bytes: a process may have made its file as large as it
 * likes.
 */
const FURTHEST = 64 * 1024 * 1024;
const NEWLINE = 10;

/**
 * Returns the offset at which the last `lines` lines of the file begin. Reads backwards, so that it
 * costs what is shown and not what the file holds; at most 64 MiB. A last line without a newline
 * counts as one.
 */
export function tailOffset(file: Deno.FsFile, lines: number): number {
  const { size } = file.statSync();
  if (lines <= 0) return size;
  let missing = lines;
  let end = size;
  const furthest = Math.max(0, size - FURTHEST);
  while (end > furthest) {
    const start = Math.max(0, end - CHUNK);
    const bytes = readAt(file, start, end - start);
    for (let i = bytes.length - 1; i >= 0; i--) {
      // The newline that ends the file ends its last line; it does not begin another.
      if (bytes[i] === NEWLINE && start + i !== size - 1 && --missing === 0) return start + i + 1;
    }
    end = start;
  }
  return end;
}

/** Reads `length` bytes from an offset on; fewer where the file ends before. */
export function readAt(file: Deno.FsFile, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  file.seekSync(offset, Deno.SeekMode.Start);
  let done = 0;
  while (done < length) {
    const count = file.readSync(bytes.subarray(done));
    if (count === null) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

/** When {@linkcode follow} ends. */
export interface FollowOptions {
  /** Ends the following, after everything that is there has been read. */
  readonly signal: AbortSignal;
  /** Wait this long for more after the signal, in ms, as long as more comes. Default 0. */
  readonly lingerMs?: number;
}

/**
 * Yields the rest of the file from its position, then what is appended. A file that gets shorter is
 * read again from its beginning.
 */
export async function* follow(
  file: Deno.FsFile,
  path: string,
  options: FollowOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { signal, lingerMs = 0 } = options;
  using watcher = Deno.watchFs(path, { recursive: false });
  let wake = Promise.withResolvers<void>();
  const onAbort = () => wake.resolve();
  signal.addEventListener("abort", onAbort);
  (async () => {
    for await (const _ of watcher) wake.resolve();
  })().catch(() => {
    // The watcher was closed under the loop: following is over.
  });
  try {
    const buffer = new Uint8Array(CHUNK);
    let quiet = false;
    while (true) {
      wake = Promise.withResolvers<void>();
      const ending = signal.aborted;
      const any = yield* readToEnd(file, buffer);
      if (!ending) {
        await wake.promise;
      } else if (any) {
        quiet = false;
      } else {
        if (quiet || lingerMs === 0) return;
        quiet = true;
        await withTimeout(wake.promise, lingerMs);
      }
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function* readToEnd(
  file: Deno.FsFile,
  buffer: Uint8Array<ArrayBuffer>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, boolean> {
  const position = await file.seek(0, Deno.SeekMode.Current);
  if ((await file.stat()).size < position) await file.seek(0, Deno.SeekMode.Start);
  let any = false;
  for (let read = await file.read(buffer); read !== null; read = await file.read(buffer)) {
    any = true;
    yield buffer.slice(0, read);
  }
  return any;
}
