// SPDX-License-Identifier: MIT
// Counts and opens file descriptors, for tests.
import { cstring, keepAlive, lazyLibc } from "../libc/libc.ts";
import { O_CLOEXEC, O_WRONLY } from "./fd.ts";

const libc = lazyLibc({
  open: {
    parameters: [/* const char *path */ "buffer", /* int flags */ "i32", /* mode_t mode */ "u32"],
    result: "i32",
    nonblocking: true,
  },
});

/** Returns how many descriptors this process has open, one of which is for looking. */
export function countOpenFds(): number {
  return Array.from(Deno.readDirSync("/proc/self/fd")).length;
}

/**
 * Opens the FIFO at `path` for writing as a container's init does: it waits, on a thread of Deno's
 * pool, until a process opens the FIFO for reading (fifo(7)). Returns the fd, or -1 on failure.
 *
 * For tests only: the pool has 32 threads, one of which the poller needs.
 */
export async function openForWritingBlocking(path: string): Promise<number> {
  const name = cstring(path);
  const fd = await libc().open(name, O_WRONLY | O_CLOEXEC, 0);
  keepAlive(name);
  return fd;
}
