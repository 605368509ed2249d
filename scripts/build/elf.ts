// SPDX-License-Identifier: MIT

/** Program header type of the dynamic loader's path (elf(5), `PT_INTERP`). */
const PT_INTERP = 3;

/**
 * Whether `path` is a 64-bit little-endian ELF executable that names no dynamic loader, so that it
 * runs in a root filesystem with nothing else in it. A file of any other kind is not. Throws what
 * `Deno.open` throws.
 */
export function isStaticExecutable(path: string): boolean {
  const head = readAt(path, 0, 64);
  // ELF magic, class 2 (64-bit), data 1 (little-endian); elf(5).
  if (head.byteLength < 64 || head.getUint32(0) !== 0x7f454c46 || head.getUint16(4) !== 0x0201) {
    return false;
  }
  const offset = Number(head.getBigUint64(32, true));
  const size = head.getUint16(54, true);
  const count = head.getUint16(56, true);
  const table = readAt(path, offset, size * count);
  for (let at = 0; at + 4 <= table.byteLength; at += size) {
    if (table.getUint32(at, true) === PT_INTERP) return false;
  }
  return true;
}

function readAt(path: string, offset: number, length: number): DataView {
  using file = Deno.openSync(path);
  file.seekSync(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const n = file.readSync(bytes.subarray(done));
    if (n === null) break;
    done += n;
  }
  return new DataView(bytes.buffer, 0, done);
}
