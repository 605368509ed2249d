// SPDX-License-Identifier: MIT
import { backoff } from "../../linux/event_loop/backoff.ts";
import { O_NONBLOCK, O_WRONLY, OwnedFd } from "../../linux/fd/fd.ts";
import { countUnread, hasReader, isFifo } from "../../linux/fd/fifo.ts";
import { ENOENT, ENXIO, isErrno } from "../../linux/libc/errno.ts";

/** The delays between two looks, in milliseconds: 95 in all. */
const LOOKS = { first: 1, most: 32, attempts: 7 };

/**
 * Waits until the reader of the FIFO at `path` has read all that is in it; at most 100 milliseconds,
 * for it may never read. Does not wait where nothing is unread, nobody has it open for reading, or
 * there is no FIFO. The kernel tells nobody that a FIFO has become empty, so this looks again and again.
 *
 * @throws LinuxError such as EMFILE
 */
export async function untilRead(path: string): Promise<void> {
  using fifo = openIfRead(path);
  if (fifo === undefined) return;
  for (const delay of backoff(LOOKS)) {
    if (countUnread(fifo.fd) === 0 || !hasReader(fifo.fd)) return;
    await delay();
  }
}

/** Opens a FIFO for writing, which takes nothing from its reader; undefined where nobody reads it. */
function openIfRead(path: string): OwnedFd | undefined {
  if (!isFifo(path)) return undefined;
  try {
    return OwnedFd.open(path, O_WRONLY | O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, ENXIO, ENOENT)) return undefined;
    throw error;
  }
}
