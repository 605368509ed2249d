// SPDX-License-Identifier: MIT
import { cstring, keepAlive, lazyLibc } from "../libc/libc.ts";
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
export async function openForWritingBlocking(path: string): Promise<number> {
  const name = cstring(path);
  const fd = await libc().open(name, O_WRONLY | O_CLOEXEC, 0);
  keepAlive(name);
  return fd;
}
