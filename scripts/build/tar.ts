// SPDX-License-Identifier: MIT

/** A regular file to be put into an archive. */
export interface TarFile {
  /** Up to 99 bytes of ASCII. */
  readonly name: string;
  readonly mode: number;
  readonly content: Uint8Array<ArrayBuffer>;
}

const BLOCK = 512;
/** 2000-01-01, in seconds: the same in every build, and no tar calls it implausible. */
export const MTIME = 946_684_800;

/**
 * A tar archive in POSIX ustar format (POSIX.1-2017, pax, "ustar Interchange Format") of files that
 * belong to root; the same entries give the same bytes. Throws a `RangeError` for a name that the
 * format has no room for.
 */
export function tar(entries: readonly TarFile[]): Blob {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const entry of entries) {
    parts.push(header(entry), entry.content);
    parts.push(new Uint8Array((BLOCK - entry.content.length % BLOCK) % BLOCK));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Blob(parts);
}

function header({ name, mode, content }: TarFile): Uint8Array<ArrayBuffer> {
  if (!/^[\x21-\x7e]{1,99}$/.test(name)) throw new RangeError(`no name for an archive: ${name}`);
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => block.set(new TextEncoder().encode(text), at);
  const octal = (at: number, digits: number, value: number) =>
    put(at, value.toString(8).padStart(digits, "0"));
  put(0, name);
  octal(100, 7, mode);
  octal(108, 7, 0);
  octal(116, 7, 0);
  octal(124, 11, content.length);
  octal(136, 11, MTIME);
  put(148, " ".repeat(8));
  put(156, "0");
  put(257, "ustar\x0000");
  octal(148, 6, block.reduce((sum, byte) => sum + byte, 0));
  put(154, "\0 ");
  return block;
}
