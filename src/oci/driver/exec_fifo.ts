// SPDX-License-Identifier: MIT
// Starts a container by its exec FIFO, as runc does.
import { LinuxError } from "../../linux/libc/errno.ts";
import { sleep } from "../../linux/event_loop/timer.ts";
import { O_NONBLOCK, O_RDONLY, open, OwnedFd, readAvailable } from "../../linux/fd/fd.ts";
import type { FdReserve } from "../../linux/fd/fd_reserve.ts";
import { isFifo } from "../../linux/fd/fifo.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { tryLstat, tryStat } from "../../linux/fs/try_stat.ts";

/** How long apart the FIFO is looked at where it cannot be waited for, in milliseconds. */
const POLL_MS = 10;

/**
 * Returns the FIFO at which the init of a container that runc has created waits to be started,
 * below runc's `--root`: init opens it for writing, which lasts until a process opens it for
 * reading, writes a byte and executes the container's program. `runc start` reads that byte,
 * removes the FIFO, which is what tells `running` from `created`, and does nothing else.
 */
export function execFifoPath(runtimeRoot: string, id: string): string {
  return `${runtimeRoot}/${id}/exec.fifo`;
}

/** How far the init process of a container has come with its FIFO. */
export type InitProgress =
  /** Init waits, or is about to wait. */
  | "waiting"
  /** Init was let through, and is about to execute its program, or to fail. */
  | "passing"
  /** Init has executed its program. */
  | "passed"
  /** Init reads from the FIFO, and waits for a byte: the runtime is crun, by whatever name it is called. */
  | "reading"
  /** Init has ended, or the FIFO was removed. */
  | "over";

/** The exec FIFO of a created container, and the parts that its release works with. */
export interface ReleaseOptions {
  /** See {@linkcode execFifoPath}. */
  readonly path: string;
  /** The pid of the container's init. */
  readonly pid: number;
  readonly poller: Poller;
  /** Provides the fd for what comes after init was let go on. */
  readonly reserve: FdReserve;
  /** Aborted once init has ended. */
  readonly ended: AbortSignal;
  /** Writes a line to the log. */
  readonly log: (message: string) => void;
}

/**
 * Starts the container whose init is `pid` as `runc start` does, without running it. Returns false
 * where that did not work: there is no such FIFO, init has ended before it was started, or the runtime
 * is not runc; the runtime can say why. Unlike `runc start` it waits until init is the program.
 *
 * @throws {LinuxError} EMFILE, ENFILE; init then still waits. To open the FIFO lets init go on, which
 *   would die if it were closed unread, so nothing throws from there on.
 */
export async function releaseExecFifo(options: ReleaseOptions): Promise<boolean> {
  const { path, reserve, log } = options;
  const found = progressOf(options);
  if (found === "reading") return false;
  reserve.acquire();
  const fd = openFifo(path);
  if (fd === undefined) return false;
  using fifo = new OwnedFd(fd);
  // If an earlier start was interrupted, the byte may already have been consumed.
  const before = found === "passed";
  const written = !before && await readByte(fifo.fd, options);
  // Another start that was interrupted may have consumed it.
  if (!before && !written && progressOf(options) !== "passed") return false;
  try {
    removeFile(path);
  } catch (error) {
    log(`cannot remove ${path}: ${error}`);
  }
  // A signal is meant for the program, not for runc's init: that has it open until it is no more.
  if (written) await readByte(fifo.fd, options);
  return true;
}

/** Returns how far init has come, as far as that can be told. */
function progressOf({ path, pid, reserve, log }: ReleaseOptions): InitProgress | undefined {
  try {
    return reserve.run(() => fifoPassage(path, pid));
  } catch (error) {
    log(`cannot tell how far init ${pid} has come: ${error}`);
    return undefined;
  }
}

/**
 * Returns how far the process `pid` has come with the FIFO at `path`: runc's init has it open with
 * O_PATH from the beginning, for writing too once there is a reader, and no more when it has executed
 * its program (which cannot open it, since it has no access to runc's directory). crun's init has it
 * open for reading all the time.
 */
export function fifoPassage(path: string, pid: number): InitProgress {
  try {
    const { dev, ino } = Deno.statSync(path);
    let holds = false;
    for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      // One that is closed meanwhile, or cannot be asked, is not the FIFO.
      const target = tryStat(`/proc/${pid}/fd/${name}`);
      if (target?.dev !== dev || target.ino !== ino) continue;
      const access = accessOf(`/proc/${pid}/fd/${name}`);
      if (access !== 0) return access === READ_ONLY ? "reading" : "passing";
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

/** The access of an fd that is open for reading alone. */
const READ_ONLY = 0o400;

/**
 * Returns how an fd is open, by the mode of its link in /proc (proc_pid_fd(5)): not at all with O_PATH.
 * Undefined once it is closed.
 */
function accessOf(link: string): number | undefined {
  const mode = tryLstat(link)?.mode;
  return mode === undefined || mode === null ? undefined : mode & 0o600;
}

function openFifo(path: string): number | undefined {
  try {
    return isFifo(path) ? open(path, O_RDONLY | O_NONBLOCK) : undefined;
  } catch (error) {
    if (error instanceof LinuxError) return undefined;
    throw error;
  }
}

/**
 * Returns whether there is one; false at the end, when no process has it open for writing (any more).
 */
async function readByte(fd: number, { poller, ended, log }: ReleaseOptions): Promise<boolean> {
  const byte = new Uint8Array(1);
  for (;;) {
    try {
      await poller.wait(fd, "readable", { signal: ended });
    } catch (error) {
      // The program may have ended before its start was noticed; what init wrote is still there.
      if (!ended.aborted) {
        log(`cannot wait for the FIFO of init: ${error}`);
        await sleep(POLL_MS);
      }
    }
    try {
      const count = readAvailable(fd, byte);
      // Nothing was written by a process that still has it open.
      if (count === undefined && !ended.aborted) continue;
      return count === 1;
    } catch (error) {
      log(`cannot read the FIFO of init: ${error}`);
      return false;
    }
  }
}
