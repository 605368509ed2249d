// SPDX-License-Identifier: MIT
import { cstring, lazyLibc } from "../libc/libc.ts";
import { O_CLOEXEC, O_WRONLY } from "./fd.ts";

const libc = lazyLibc({
  open: {
    parameters: [/* const char *path */ "buffer", /* int flags */ "i32", /* mode_t mode */ "u32"],
    result: "i32",
    nonblocking: true,
  },
});

/**
 * Opens the FIFO at `path` for writing on a thread of its own, which waits until somebody opens it
 * for reading (fifo(7)). Answers the fd, or -1 if it could not be opened. There is no way to give
 * up but to open the FIFO for reading.
 */
export function openForWritingBlocking(path: string): Promise<number> {
  return libc().open(cstring(path), O_WRONLY | O_CLOEXEC, 0);
}
