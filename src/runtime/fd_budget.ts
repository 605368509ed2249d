// SPDX-License-Identifier: MIT
import { isExhausted } from "../linux/libc/errno.ts";
import { fileLimit } from "../linux/process/file_limit.ts";
import { ResourceExhaustedError } from "../rpc/errors.ts";

/**
 * Fds that nothing new gets, so that containers can be dealt with to their end: an exit, a state, a
 * kill, a delete, each of which opens a few files for a moment.
 */
const RESERVE = 24;

/**
 * The most fds that a create takes: for good the connections to the shim and the watch for OOM kills,
 * for a moment the cgroup's directory, the bundle's files and the shim that is started.
 */
const PER_CREATE = 11;

/** The fds of a container that was there before: its shim's connection, and the watch for OOM kills. */
const PER_RECONNECT = 2;

/** Keeps creates and connections from taking the last fds of this process. */
export class FdBudget {
  readonly #limit: number;
  readonly #used: () => number;
  #creates = 0;

  /**
   * @param limit the most fds that this process may have
   * @param used returns how many it has; for tests
   */
  constructor(limit = Number(fileLimit().soft), used: () => number = countOpenFiles) {
    this.#limit = limit;
    this.#used = used;
  }

  get #free(): number {
    return this.#limit - this.#used();
  }

  /** Returns whether another connection may be accepted. */
  hasRoom(): boolean {
    return this.#free >= RESERVE + this.#creates * PER_CREATE;
  }

  /**
   * Makes sure that a daemon that starts again can reach its containers and still answer. With too few
   * fds it would hold connections that it cannot accept, and take exits for unreadable files.
   *
   * @throws {ResourceExhaustedError} if there are too few for `containers`.
   */
  requireReconnect(containers: number): void {
    if (this.#free >= RESERVE + containers * PER_RECONNECT) return;
    throw new ResourceExhaustedError(
      `too many open files for ${containers} containers, which go on without it: its limit is ` +
        `${this.#limit} (see LimitNOFILE= of systemd.exec(5), or ulimit -n)`,
    );
  }

  /**
   * Sets fds aside for a create until the result is disposed.
   *
   * @throws {ResourceExhaustedError} if there are too few.
   */
  reserveCreate(id: string): Disposable {
    if (this.#free < RESERVE + (this.#creates + 1) * PER_CREATE) {
      throw new ResourceExhaustedError(
        `cannot create container ${id}: the daemon has too many files open ` +
          `(its limit is ${this.#limit}; see LimitNOFILE= of systemd.exec(5), or ulimit -n)`,
        { data: { id } },
      );
    }
    this.#creates++;
    return { [Symbol.dispose]: () => void this.#creates-- };
  }
}

/**
 * Returns how many fds this process has. The one that would be opened next says too little: there may be
 * a free one among many that are not.
 */
function countOpenFiles(): number {
  try {
    // Since Linux 6.2 that is their number (proc_pid_fd(5)); before it is 0.
    return Deno.statSync(FDS).size || Array.from(Deno.readDirSync(FDS)).length;
  } catch (error) {
    if (!isExhausted(error)) throw error;
    return Infinity;
  }
}

const FDS = "/proc/self/fd";
