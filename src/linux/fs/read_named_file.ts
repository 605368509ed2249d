// SPDX-License-Identifier: MIT
import { messageOf } from "../../error_text.ts";
import { untilAborted } from "../../until_aborted.ts";
import { MOST_NAMED } from "./read_small_file.ts";

/** Bytes read at a time. */
const CHUNK = 64 * 1024;

const MIB = 1024 * 1024;

/** The largest file that {@linkcode readNamedFile} reads, and what ends its wait. */
export interface ReadNamedOptions {
  /** Ends the wait for a writer and for what it writes. */
  readonly signal?: AbortSignal | undefined;
  /** The MiB that the file may have; as many as {@linkcode MOST_NAMED} has by default. */
  readonly mostMib?: number;
}

/**
 * Reads a text file that a person has named: a regular file, or a pipe such as `<(…)` of a shell. A
 * FIFO without a writer is waited for, as by cat(1), while this process goes on to hear signals.
 *
 * @throws {Error} whose message is why the file cannot be read, in a few words; the signal's reason.
 */
export async function readNamedFile(
  path: string,
  { signal, mostMib = MOST_NAMED / MIB }: ReadNamedOptions = {},
): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const buffer = new Uint8Array(CHUNK);
  let left = mostMib * MIB;
  let text = "";
  try {
    using file = await openNamedFile(path, signal);
    while (true) {
      const length = await untilAborted(file.read(buffer), signal);
      if (length === null) return text + decoder.decode();
      left -= length;
      if (left < 0) throw new Error(`it has more than ${mostMib} MiB`);
      text += decoder.decode(buffer.subarray(0, length), { stream: true });
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error(whyUnread(error), { cause: error });
  }
}

/**
 * Opens a file or a pipe to be read. A FIFO without a writer is waited for, while this process goes on to
 * hear signals.
 *
 * @throws what the file system throws; the signal's reason.
 */
export async function openNamedFile(path: string, signal?: AbortSignal): Promise<Deno.FsFile> {
  // Another thread opens it, and reads: this one is not stopped by either.
  const opening = Deno.open(path);
  try {
    return await untilAborted(opening, signal);
  } catch (error) {
    void opening.then((late) => late.close(), () => {
      // It could not be opened, which is told already.
    });
    throw error;
  }
}

/** Returns in a few words why a file could not be read. */
function whyUnread(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file";
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof TypeError) return "it is not UTF-8";
  return messageOf(error);
}
