// SPDX-License-Identifier: MIT
import { EAGAIN, EMFILE, ENFILE, ENOSPC, isErrno } from "../libc/errno.ts";
import { check, cstring, lazyLibc } from "../libc/libc.ts";
import { after } from "../event_loop/timer.ts";
import { O_CLOEXEC, O_NONBLOCK, OwnedFd, read } from "./fd.ts";

const libc = lazyLibc({
  inotify_init1: { parameters: [/* int flags */ "i32"], result: "i32" },
  inotify_add_watch: {
    parameters: [
      /* int fd */ "i32",
      /* const char *pathname */ "buffer",
      /* uint32_t mask */ "u32",
    ],
    result: "i32",
  },
  inotify_rm_watch: { parameters: [/* int fd */ "i32", /* int wd */ "i32"], result: "i32" },
});

// include/uapi/linux/inotify.h
const IN_OPEN = 0x20, IN_Q_OVERFLOW = 0x4000;
// struct inotify_event {int wd; u32 mask, cookie, len; char name[len]}
const EVENT_HEADER = 16, EVENT_MASK = 4, EVENT_LEN = 12;

/** How often all files are checked where inotify has run out, in milliseconds. */
const CHECK_EVERY = 200;

type Callback = () => void;

/** Waits for fds to be readable; a `Poller` is one. */
export interface ReadableFds {
  /** Calls `callback` whenever `fd` can be read, until the result is disposed of. */
  add(fd: number, callback: () => void): Disposable;
}

/**
 * Reports that a file has been opened by any process (inotify(7), IN_OPEN). Nothing blocks: a wait
 * costs no thread. However many files are watched, there is one inotify instance, of which a user
 * has 128 by default; where no further one can be had, callbacks are called several times a second
 * instead.
 */
export class OpenWatch implements Disposable {
  readonly #poller: ReadableFds;
  /** By inotify's watch descriptor, of which each inode has one. */
  readonly #watched = new Map<number, Set<Callback>>();
  readonly #unwatched = new Set<Callback>();
  #inotify: OwnedFd | undefined;
  #reading: Disposable | undefined;
  #timer: Disposable | undefined;

  /** @param poller waits for inotify's events. */
  constructor(poller: ReadableFds) {
    this.#poller = poller;
  }

  /**
   * Calls `callback` after each time that the file of `fd` has been opened, until the result is
   * disposed of. It may be called without a cause.
   *
   * @throws LinuxError EBADF, …
   */
  add(fd: number, callback: Callback): Disposable {
    const wd = this.#watch(`/proc/self/fd/${fd}`);
    if (wd === undefined) return this.#check(callback);
    const callbacks = this.#watched.get(wd) ?? new Set();
    this.#watched.set(wd, callbacks.add(callback));
    return { [Symbol.dispose]: () => this.#remove(wd, callback) };
  }

  /** Ends the watch of every file. */
  [Symbol.dispose](): void {
    this.#watched.clear();
    this.#unwatched.clear();
    this.#close();
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** Returns the watch descriptor; undefined where inotify's limits are reached. */
  #watch(path: string): number | undefined {
    try {
      const inotify = this.#open();
      const name = cstring(path);
      return check(
        () => libc().inotify_add_watch(inotify.fd, name, IN_OPEN),
        "inotify_add_watch",
        path,
      );
    } catch (error) {
      if (this.#watched.size === 0) this.#close();
      if (isErrno(error, EMFILE, ENFILE, ENOSPC)) return undefined;
      throw error;
    }
  }

  #open(): OwnedFd {
    if (this.#inotify !== undefined) return this.#inotify;
    const fd = check(() => libc().inotify_init1(O_CLOEXEC | O_NONBLOCK), "inotify_init1");
    this.#inotify = new OwnedFd(fd);
    this.#reading = this.#poller.add(fd, () => this.#dispatch(fd));
    return this.#inotify;
  }

  #close(): void {
    this.#reading?.[Symbol.dispose]();
    this.#reading = undefined;
    this.#inotify?.[Symbol.dispose]();
    this.#inotify = undefined;
  }

  #dispatch(fd: number): void {
    const events = new Uint8Array(4096);
    let length = 0;
    try {
      length = read(fd, events);
    } catch (error) {
      // Readiness may be spurious.
      if (!isErrno(error, EAGAIN)) throw error;
    }
    const view = new DataView(events.buffer, 0, length);
    const opened = new Set<number>();
    for (let at = 0; at < length; at += EVENT_HEADER + view.getUint32(at + EVENT_LEN, true)) {
      if ((view.getUint32(at + EVENT_MASK, true) & IN_Q_OVERFLOW) === 0) {
        opened.add(view.getInt32(at, true));
      } else {
        for (const wd of this.#watched.keys()) opened.add(wd);
      }
    }
    for (const wd of opened) {
      for (const callback of [...this.#watched.get(wd) ?? []]) callback();
    }
  }

  #remove(wd: number, callback: Callback): void {
    const callbacks = this.#watched.get(wd);
    if (callbacks === undefined || !callbacks.delete(callback) || callbacks.size > 0) return;
    this.#watched.delete(wd);
    if (this.#watched.size === 0) return this.#close();
    const inotify = this.#inotify;
    if (inotify === undefined) return;
    check(() => libc().inotify_rm_watch(inotify.fd, wd), "inotify_rm_watch", `watch ${wd}`);
  }

  #check(callback: Callback): Disposable {
    this.#unwatched.add(callback);
    this.#arm();
    return { [Symbol.dispose]: () => this.#unwatched.delete(callback) };
  }

  #arm(): void {
    this.#timer ??= after(CHECK_EVERY, () => {
      this.#timer = undefined;
      for (const callback of [...this.#unwatched]) callback();
      if (this.#unwatched.size > 0) this.#arm();
    });
  }
}
