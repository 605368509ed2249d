// SPDX-License-Identifier: MIT
// Encodes and decodes the headers of tar archives.
import { concat } from "../../concat.ts";

/** The type of an entry of an archive. */
export type EntryType =
  | "file"
  | "directory"
  | "symlink"
  | "link"
  | "fifo"
  | "character device"
  | "block device";

/** One entry of a tar archive, without its content. */
export interface TarEntry {
  /** Its path in the archive, without a slash at the end. */
  readonly path: string;
  readonly type: EntryType;
  /** Permissions, with set-user-ID, set-group-ID and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** Bytes of content that follow. */
  readonly size: number;
  /** Target of a symlink, path of the entry that a link repeats; else empty. */
  readonly target: string;
}

/** Everything in an archive stands at multiples of this. */
export const BLOCK = 512;

/** The type of each flag of POSIX.1-2017, pax, "ustar Interchange Format". */
const TYPES = new Map<string, EntryType>([
  ["0", "file"],
  ["1", "link"],
  ["2", "symlink"],
  ["3", "character device"],
  ["4", "block device"],
  ["5", "directory"],
  ["6", "fifo"],
  // That of before POSIX, and a contiguous file.
  ["\0", "file"],
  ["7", "file"],
]);

const encoder = new TextEncoder();

/** Returns the header of an entry, after one of pax's where its names or numbers need that. */
export function encodeHeader(entry: TarEntry): Uint8Array<ArrayBuffer> {
  const path = entry.type === "directory" ? `${entry.path}/` : entry.path;
  const records: string[] = [];
  if (encoder.encode(path).length > 100) records.push(paxRecord("path", path));
  if (encoder.encode(entry.target).length > 100) records.push(paxRecord("linkpath", entry.target));
  if (entry.size > 0o77777777777) records.push(paxRecord("size", String(entry.size)));
  for (const name of ["uid", "gid"] as const) {
    if (entry[name] > 0o7777777) records.push(paxRecord(name, String(entry[name])));
  }
  const [flag = ""] = [...TYPES].find(([, type]) => type === entry.type) ?? [];
  const header = ustar({ ...entry, path }, flag);
  if (records.length === 0) return header;
  const content = encoder.encode(records.join(""));
  const extended = { ...entry, path: "pax", target: "", size: content.length };
  return concat([ustar(extended, "x"), content, padding(content.length), header]);
}

/** Zeros up to the next block. */
export function padding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((BLOCK - size % BLOCK) % BLOCK);
}

/** Returns `"<length> <key>=<value>\n"`, in which the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function ustar(entry: TarEntry, flag: string): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const put = (at: number, length: number, text: string) =>
    block.set(encoder.encode(text).subarray(0, length), at);
  const octal = (at: number, digits: number, value: number) => {
    const text = Math.max(0, Math.floor(value)).toString(8);
    // A number that does not fit stands in the header of pax before this.
    put(at, digits, text.length > digits ? "0".repeat(digits) : text.padStart(digits, "0"));
  };
  put(0, 100, entry.path);
  octal(100, 7, entry.mode);
  octal(108, 7, entry.uid);
  octal(116, 7, entry.gid);
  octal(124, 11, entry.size);
  octal(136, 11, entry.mtime);
  put(148, 8, " ".repeat(8));
  put(156, 1, flag);
  put(157, 100, entry.target);
  put(257, 8, "ustar\x0000");
  octal(148, 6, block.reduce((sum, byte) => sum + byte, 0));
  put(154, 2, "\0 ");
  return block;
}

/** A header as it stands in an archive: that of an entry, or more about the next one. */
export interface RawHeader {
  readonly flag: string;
  readonly entry: TarEntry;
}

/**
 * Decodes a header; undefined for the block of zeros that ends an archive.
 *
 * @throws {SyntaxError} if its checksum is wrong.
 */
export function decodeHeader(block: Uint8Array<ArrayBuffer>): RawHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (numberAt(block, 148, 8) !== sum) throw new SyntaxError("this is no tar archive");
  const flag = String.fromCharCode(block[156] ?? 0);
  const prefix = textAt(block, 257, 5) === "ustar" && block[262] === 0
    ? textAt(block, 345, 155)
    : "";
  const name = textAt(block, 0, 100);
  return {
    flag,
    entry: {
      path: prefix === "" ? name : `${prefix}/${name}`,
      type: TYPES.get(flag) ?? "file",
      mode: numberAt(block, 100, 8) & 0o7777,
      uid: numberAt(block, 108, 8),
      gid: numberAt(block, 116, 8),
      size: numberAt(block, 124, 12),
      mtime: numberAt(block, 136, 12),
      target: textAt(block, 157, 100),
    },
  };
}

/** Returns whether a flag is that of an entry, and not of something about the next one. */
export function isEntryFlag(flag: string): boolean {
  return TYPES.has(flag);
}

/** Parses the records of a pax header. */
export function parsePax(content: Uint8Array<ArrayBuffer>): Map<string, string> {
  const records = new Map<string, string>();
  const decoder = new TextDecoder();
  for (let at = 0; at < content.length;) {
    const length = Number.parseInt(decoder.decode(content.subarray(at, at + 20)), 10);
    if (!(length > 0)) throw new SyntaxError("a pax header cannot be read");
    const record = decoder.decode(content.subarray(at, at + length - 1));
    const [, key = "", value = ""] = /^\d+ ([^=]+)=(.*)$/s.exec(record) ?? [];
    records.set(key, value);
    at += length;
  }
  return records;
}

function textAt(block: Uint8Array<ArrayBuffer>, at: number, length: number): string {
  const bytes = block.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * Returns a number in octal, or, with the highest bit of its first byte set, in base 256 as GNU has
 * it.
 */
function numberAt(block: Uint8Array<ArrayBuffer>, at: number, length: number): number {
  const first = block[at] ?? 0;
  if (first & 0x80) {
    return block.subarray(at + 1, at + length).reduce((value, byte) => value * 256 + byte, 0);
  }
  return Number.parseInt(textAt(block, at, length).trim() || "0", 8);
}
