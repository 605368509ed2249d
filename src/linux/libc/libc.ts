// SPDX-License-Identifier: MIT
// Calls libc: opens it, passes strings and buffers to it, turns failures into errors.
import { EAGAIN, EINTR, EINVAL, LinuxError } from "./errno.ts";

const encoder = new TextEncoder();

const locateErrno = once(() => {
  const symbols = { __errno_location: { parameters: [], result: "pointer" } } as const;
  const location = Deno.dlopen("libc.so.6", symbols).symbols.__errno_location();
  if (location === null) throw new Error("__errno_location() gave no address");
  return new Deno.UnsafePointerView(location);
});

/**
 * Returns a group of libc symbols that is opened when it is first asked for, then kept. Each file
 * declares only what it calls: every symbol costs memory (a trampoline and its JIT page) in every
 * shim.
 *
 * Annotate each parameter with its C type and name. Calls are synchronous unless declared
 * `nonblocking`, so whatever might wait must be asked not to (O_NONBLOCK, WNOHANG, …).
 */
export function lazyLibc<const S extends Deno.ForeignLibraryInterface>(
  symbols: S,
): () => Deno.DynamicLibrary<S>["symbols"] {
  return once(() => {
    // Found now, for finding it after a call has failed would overwrite it.
    locateErrno();
    return Deno.dlopen("libc.so.6", symbols).symbols;
  });
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/**
 * Returns the errno of this thread. Only right directly after a synchronous call that failed: later
 * calls overwrite it, and a `nonblocking` call fails on another thread, so its errno is lost. For
 * calls that cannot be made again; all others take it by {@linkcode attempt}.
 */
export function errno(): number {
  return locateErrno().getInt32();
}

/** How often a call has to fail with EAGAIN before that is believed. */
const TIMES_EAGAIN = 3;

/**
 * Makes a call that says -1 when it fails. Returns its result, or the negated errno, as the kernel
 * does.
 *
 * A signal can come between the call and the look at errno, and Deno's handler, which writes to a
 * pipe, leaves EAGAIN there where that is full. All else it leaves as it was. Signals cannot be
 * kept away: Deno's other threads need not take them. So a call that has failed with EAGAIN is made
 * again, which changes nothing: it either fails as before, now with its own errno, or it is late.
 */
export function attempt(call: () => number): number {
  for (let times = 1;; times++) {
    const result = call();
    if (result !== -1) return result;
    const error = errno();
    if (error !== EAGAIN || times === TIMES_EAGAIN) return -error;
  }
}

/**
 * Returns the result of a call that says -1 when it fails; then throws {@linkcode LinuxError}
 * instead. See {@linkcode attempt}.
 */
export function check(call: () => number, syscall: string, what?: string): number {
  const result = attempt(call);
  if (result < 0) throw new LinuxError(-result, syscall, what);
  return result;
}

/** As {@linkcode check}, of a call that is made again for as long as a signal interrupts it. */
export function retry(call: () => number, syscall: string, what?: string): number {
  for (;;) {
    const result = attempt(call);
    if (result >= 0) return result;
    if (result !== -EINTR) throw new LinuxError(-result, syscall, what);
  }
}

/**
 * Returns `text` as a C string (UTF-8, NUL-terminated).
 *
 * @throws LinuxError EINVAL when it has a NUL inside: the kernel would see another, shorter name
 */
export function cstring(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new LinuxError(EINVAL, "cstring", JSON.stringify(text));
  return encoder.encode(`${text}\0`);
}

/**
 * Returns the address of the first byte of `buffer`, valid while that is referenced. A caller that
 * hands it to a call inside another buffer has to touch `buffer` afterwards: {@linkcode keepAlive}.
 * A buffer that is only passed by its address counts as unused to the optimizer, and may be
 * collected before the call.
 */
export function addressOf(buffer: Uint8Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
}

/**
 * Keeps buffers referenced up to here, whose addresses a call before was given in another buffer.
 *
 * @throws Error never; only so can the look at them not be left out
 */
export function keepAlive(...buffers: readonly Uint8Array<ArrayBuffer>[]): void {
  if (buffers.some((buffer) => buffer.buffer.detached)) throw new Error("a buffer was detached");
}

/**
 * Returns `texts` as a NULL-terminated `char *[]`, pointers and strings in one block: the pointers
 * hold for as long as the returned buffer is referenced.
 */
export function cstringArray(texts: readonly string[]): Uint8Array<ArrayBuffer> {
  const strings = texts.map(cstring);
  const pointers = (texts.length + 1) * 8;
  const block = new Uint8Array(strings.reduce((sum, each) => sum + each.length, pointers));
  const view = new DataView(block.buffer);
  const base = addressOf(block);
  let offset = pointers;
  strings.forEach((string, index) => {
    view.setBigUint64(index * 8, base + BigInt(offset), true);
    block.set(string, offset);
    offset += string.length;
  });
  return block;
}
