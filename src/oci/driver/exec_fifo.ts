// SPDX-License-Identifier: MIT
import { LinuxError } from "../../linux/libc/errno.ts";
import { O_NONBLOCK, O_PATH, O_RDONLY, open, OwnedFd, read } from "../../linux/fd/fd.ts";
import { isFifo } from "../../linux/fd/fifo.ts";
import { tryStat } from "../../linux/fs/try_stat.ts";
import type { Poller } from "../../linux/fd/poller.ts";

/**
 * The FIFO at which the init of a container that runc has created waits to be started, below runc's
 * `--root`: init opens it for writing, which lasts until somebody opens it for reading, writes a
 * byte and executes the container's program. `runc start` reads that byte, removes the FIFO, which
 * is what tells `running` from `created`, and does nothing else.
 */
export function execFifoPath(runtimeRoot: string, id: string): string {
  return `${runtimeRoot}/${id}/exec.fifo`;
}

/** How far the init process of a container has come with its FIFO. */
export type InitProgress =
  /** It waits, or will come to that. */
  | "waiting"
  /** It was let through, and is about to execute its program, or to fail. */
  | "passing"
  /** It has executed its program. */
  | "passed"
  /** It has ended, or the FIFO was removed. */
  | "over";

/**
 * Starts the container whose init is `pid` as `runc start` does, without running it. Returns false
 * where that did not work: there is no such FIFO, or init has ended, which aborts `ended`, before it
 * was started; the runtime can say why. Unlike `runc start` it waits until init is the program.
 */
export async function releaseExecFifo(
  path: string,
  pid: number,
  poller: Poller,
  ended: AbortSignal,
): Promise<boolean> {
  const fd = openFifo(path);
  if (fd === undefined) return false;
  using fifo = new OwnedFd(fd);
  // Of one whose start was cut short before, nothing may be left to come.
  const before = fifoPassage(path, pid) === "passed";
  const written = !before && await readByte(fifo.fd, poller, ended);
  // Somebody else, who was cut short too, may have read it.
  if (!before && !written && fifoPassage(path, pid) !== "passed") return false;
  Deno.removeSync(path);
  // A signal is meant for the program, not for runc's init: that has it open until it is no more.
  if (written) await readByte(fifo.fd, poller, ended);
  return true;
}

/**
 * How far the process `pid` has come with the FIFO at `path`: runc's init has it open with O_PATH
 * from the beginning, for writing too once somebody reads, and no more when it has executed its
 * program (which cannot open it, since it has no access to runc's directory).
 */
export function fifoPassage(path: string, pid: number): InitProgress {
  try {
    const { dev, ino } = Deno.statSync(path);
    let holds = false;
    for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      // One that is closed meanwhile, or cannot be asked, is not the FIFO.
      const target = tryStat(`/proc/${pid}/fd/${name}`);
      if (target?.dev !== dev || target.ino !== ino) continue;
      if (!isPathOnly(pid, name)) return "passing";
      holds = true;
    }
    if (holds) return "waiting";
    // Its files go after its memory when it ends, so with a program it has all of them.
    Deno.readLinkSync(`/proc/${pid}/exe`);
    return "passed";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "over";
    throw error;
  }
}

/** By its flags, which are octal (proc_pid_fdinfo(5)); false once it is closed. */
function isPathOnly(pid: number, fd: string): boolean {
  const info = readOrNothing(`/proc/${pid}/fdinfo/${fd}`);
  const [, flags = "0"] = /^flags:\s+([0-7]+)$/m.exec(info) ?? [];
  return (parseInt(flags, 8) & O_PATH) !== 0;
}

function readOrNothing(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

function openFifo(path: string): number | undefined {
  try {
    return isFifo(path) ? open(path, O_RDONLY | O_NONBLOCK) : undefined;
  } catch (error) {
    if (error instanceof LinuxError) return undefined;
    throw error;
  }
}

/** Whether there is one; false at the end, when nobody has it open for writing (any more). */
async function readByte(fd: number, poller: Poller, ended: AbortSignal): Promise<boolean> {
  try {
    await poller.wait(fd, "readable", { signal: ended });
  } catch (error) {
    // The program may have ended before its start was noticed; what init wrote is still there.
    if (!ended.aborted) throw error;
  }
  try {
    return read(fd, new Uint8Array(1)) === 1;
  } catch (error) {
    // EAGAIN: nothing was written by a process that still has it open.
    if (error instanceof LinuxError) return false;
    throw error;
  }
}
