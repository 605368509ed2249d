// SPDX-License-Identifier: MIT
import { LinuxError } from "../linux/errno.ts";
import { O_NONBLOCK, O_RDONLY, open, OwnedFd, read } from "../linux/fd.ts";
import { isFifo } from "../linux/fifo.ts";
import type { Poller } from "../linux/poller.ts";

/**
 * The FIFO at which the init of a container that runc has created waits to be started, below runc's
 * `--root`: init opens it for writing, which lasts until somebody opens it for reading, writes a
 * byte and executes the container's program. `runc start` reads that byte, removes the FIFO, which
 * is what tells `running` from `created`, and does nothing else.
 */
export function execFifoPath(runtimeRoot: string, id: string): string {
  return `${runtimeRoot}/${id}/exec.fifo`;
}

/**
 * Does what `runc start` does, without it. False where that did not work: there is no such FIFO, or
 * init has ended, which aborts `ended`, without being started. Why, the runtime can say.
 */
export async function passExecFifo(
  path: string,
  poller: Poller,
  ended: AbortSignal,
): Promise<boolean> {
  const fd = openFifo(path);
  if (fd === undefined) return false;
  using fifo = new OwnedFd(fd);
  try {
    await poller.wait(fifo.fd, "readable", { signal: ended });
  } catch (error) {
    // The program may have ended before its start was noticed; what init wrote is still there.
    if (!ended.aborted) throw error;
  }
  if (!readByte(fifo.fd)) return false;
  Deno.removeSync(path);
  return true;
}

/**
 * Whether the process `pid` has been let through the FIFO at `path`, so that only its removal is
 * missing: init holds it open until then (and a program that was executed cannot, since it has no
 * access to runc's directory).
 *
 * @throws {Deno.errors.NotFound} if either is gone.
 */
export function hasPassedExecFifo(path: string, pid: number): boolean {
  const { dev, ino } = Deno.statSync(path);
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    const target = statOrNothing(`/proc/${pid}/fd/${name}`);
    if (target?.dev === dev && target.ino === ino) return false;
  }
  return true;
}

function openFifo(path: string): number | undefined {
  try {
    return isFifo(path) ? open(path, O_RDONLY | O_NONBLOCK) : undefined;
  } catch (error) {
    if (error instanceof LinuxError) return undefined;
    throw error;
  }
}

function readByte(fd: number): boolean {
  try {
    return read(fd, new Uint8Array(1)) === 1;
  } catch (error) {
    // EAGAIN: nothing was written by a process that still has it open.
    if (error instanceof LinuxError) return false;
    throw error;
  }
}

function statOrNothing(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    // Closed meanwhile, or a file that was deleted.
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
