// SPDX-License-Identifier: MIT
import { readAt } from "../common/tail.ts";
import { parseHead } from "./cri_printer.ts";
import type { OpenLogFile } from "./log_files.ts";

/** Bytes read at a time; more than the longest record. */
const CHUNK = 256 * 1024;
const NEWLINE = 10;

/** Where to begin to print a log. */
export interface LogPosition {
  /** Index of the file. */
  readonly index: number;
  readonly offset: number;
}

/**
 * Finds where the last `lines` lines of a log begin, of one stream or of both. Reads backwards, so
 * that it costs what is shown and not what the log holds.
 */
export function tailPosition(
  files: readonly OpenLogFile[],
  lines: number,
  stream: "stdout" | "stderr" | undefined,
): LogPosition {
  let missing = lines;
  /** Whether the record after the one in question, of the same stream, is still to be seen. */
  let isLast = true;
  for (let index = files.length - 1; index >= 0; index--) {
    for (const record of recordsBackwards(files[index]!.file)) {
      const head = parseHead(record.bytes, record.begin, record.end);
      if (head === undefined || (stream !== undefined && head.stream !== stream)) continue;
      // A full record ends a line, and so does the last one, whatever it is.
      if ((isLast || !head.partial) && missing-- === 0) {
        return { index, offset: record.offset + record.end - record.begin + 1 };
      }
      isLast = false;
    }
  }
  return { index: 0, offset: 0 };
}

interface FoundRecord {
  readonly bytes: Uint8Array;
  readonly begin: number;
  readonly end: number;
  /** Where in the file the record begins. */
  readonly offset: number;
}

function* recordsBackwards(file: Deno.FsFile): Generator<FoundRecord> {
  let end = file.statSync().size;
  while (end > 0) {
    const start = Math.max(0, end - CHUNK);
    const bytes = readAt(file, start, end - start);
    let last = bytes.lastIndexOf(NEWLINE);
    while (last >= 0) {
      const before = last === 0 ? -1 : bytes.lastIndexOf(NEWLINE, last - 1);
      if (before < 0 && start > 0) break;
      yield { bytes, begin: before + 1, end: last, offset: start + before + 1 };
      last = before;
    }
    // A record that begins before the chunk is read again with what is before it. One that is longer
    // than the chunk is none of ours.
    end = last < 0 || start + last + 1 === end ? start : start + last + 1;
  }
}
