// SPDX-License-Identifier: MIT
import { check, lazyLibc } from "../libc/libc.ts";

const libc = lazyLibc({
  getrlimit: {
    parameters: [/* int resource */ "i32", /* struct rlimit *rlim */ "buffer"],
    result: "i32",
  },
  setrlimit: {
    parameters: [/* int resource */ "i32", /* const struct rlimit *rlim */ "buffer"],
    result: "i32",
  },
});

// include/uapi/asm-generic/resource.h
const RLIMIT_NOFILE = 7;

/**
 * The environment variable that carries the soft limit that a process was meant to start with. Deno
 * raises its own before any program runs, so the program that starts Deno has to say what it was.
 */
export const FILE_LIMIT_VARIABLE = "BERTH_NOFILE";

/** How many files a process may have open, less one the highest fd that it may get (getrlimit(2)). */
export interface FileLimit {
  readonly soft: bigint;
  /** Up to here the process may raise the soft limit. */
  readonly hard: bigint;
}

/**
 * Returns this process's limit.
 *
 * @throws LinuxError
 */
export function fileLimit(): FileLimit {
  const limit = new BigUint64Array(2);
  check(() => libc().getrlimit(RLIMIT_NOFILE, new Uint8Array(limit.buffer)), "getrlimit");
  const [soft = 0n, hard = 0n] = limit;
  return { soft, hard };
}

function setSoft(soft: bigint, hard: bigint): void {
  const limit = new BigUint64Array([soft, hard]);
  check(() => libc().setrlimit(RLIMIT_NOFILE, new Uint8Array(limit.buffer)), "setrlimit");
}

/**
 * Raises the soft limit to the hard one.
 *
 * @param given value of {@linkcode FILE_LIMIT_VARIABLE}, if that is set
 * @returns the soft limit that this process was meant to start with, which is for its children
 * @throws LinuxError
 */
export function raiseFileLimit(given?: string): bigint {
  const { soft, hard } = fileLimit();
  if (soft !== hard) setSoft(hard, hard);
  const meant = given !== undefined && /^[0-9]{1,19}$/.test(given) ? BigInt(given) : soft;
  return meant < hard ? meant : hard;
}

/**
 * Lowers this process's soft limit until the result is disposed, for a child that is started
 * meanwhile. What is open stays open, whatever its number.
 *
 * @throws LinuxError
 */
export function borrowFileLimit(soft: bigint): Disposable {
  const own = fileLimit();
  if (soft === own.soft) return { [Symbol.dispose]: () => {} };
  setSoft(soft < own.hard ? soft : own.hard, own.hard);
  return { [Symbol.dispose]: () => setSoft(own.soft, own.hard) };
}
