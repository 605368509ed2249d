// SPDX-License-Identifier: MIT
import { EBADF, EEXIST, ENOENT, isErrno, LinuxError } from "../libc/errno.ts";
import { OwnedFd, read, write } from "./fd.ts";
import { check, lazyLibc } from "../libc/libc.ts";
import { OpenWatch } from "./open_watch.ts";

const libc = lazyLibc({
  epoll_create1: { parameters: [/* int flags */ "i32"], result: "i32" },
  eventfd: { parameters: [/* unsigned int initval */ "u32", /* int flags */ "i32"], result: "i32" },
  epoll_ctl: {
    parameters: [
      /* int epfd */ "i32",
      /* int op */ "i32",
      /* int fd */ "i32",
      /* struct epoll_event *event */ "buffer",
    ],
    result: "i32",
  },
  epoll_wait: {
    parameters: [
      /* int epfd */ "i32",
      /* struct epoll_event *events */ "buffer",
      /* int maxevents */ "i32",
      /* int timeout */ "i32",
    ],
    result: "i32",
    nonblocking: true,
  },
});

// include/uapi/linux/eventpoll.h; the other flags equal O_CLOEXEC and O_NONBLOCK.
const EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3;
const EPOLLIN = 0x1, EPOLLOUT = 0x4, EPOLLERR = 0x8, EPOLLHUP = 0x10;
const EPOLL_CLOEXEC = 0o2000000, EFD_CLOEXEC = 0o2000000, EFD_NONBLOCK = 0o4000;
// struct epoll_event {u32 events; u64 data} is packed on x86_64 only.
const EVENT_SIZE = Deno.build.arch === "x86_64" ? 12 : 16;
const EVENT_DATA = EVENT_SIZE - 8;
const MAX_EVENTS = 32;

/** The state of an fd that a caller waits for. */
export type Readiness = "readable" | "writable";

type Waiter = PromiseWithResolvers<void>;

interface Interest {
  readonly readable: Set<Waiter>;
  readonly writable: Set<Waiter>;
  callback?: () => void;
  /** The events that the kernel was last told to report for this fd. */
  mask: number;
}

/**
 * Waits for fds that Deno has no object for: pty masters, FIFOs, eventfds, pidfds, inotify. However
 * many are waited for, at most one thread is blocked, and none (nothing that keeps the event
 * loop going either) while there is nothing to wait for.
 *
 * Readiness may be spurious, so fds should be O_NONBLOCK. A hang-up or error counts as both
 * readable and writable: the read or write then tells. End the wait before closing its fd.
 */
export class Poller implements Disposable, AsyncDisposable {
  readonly #epoll = new OwnedFd(check(() => libc().epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  readonly #wake = new OwnedFd(
    check(() => libc().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"),
  );
  readonly #interests = new Map<number, Interest>();
  // Fields, not locals: a blocked thread writes into the events, so they must not be collected.
  readonly #events = new Uint8Array(MAX_EVENTS * EVENT_SIZE);
  readonly #eventsView = new DataView(this.#events.buffer);
  readonly #event = new Uint8Array(EVENT_SIZE);
  readonly #eventView = new DataView(this.#event.buffer);
  /** Reports opens of files, of FIFOs say, by way of this poller. */
  readonly opens: OpenWatch = new OpenWatch(this);
  #loop: Promise<void> | undefined;
  #blocked = false;
  #disposed = false;

  /** @throws LinuxError EMFILE, … */
  constructor() {
    this.#control(EPOLL_CTL_ADD, this.#wake.fd, EPOLLIN);
  }

  /**
   * Resolves when `fd` is ready. Any number of waits may be pending for an fd.
   *
   * @throws LinuxError (as a rejection) EPERM for a regular file, which is always ready; EBADF; the
   *   signal's reason when aborted; Error when the poller is disposed of
   */
  async wait(
    fd: number,
    readiness: Readiness,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    const waiter = Promise.withResolvers<void>();
    const interest = this.#interest(fd);
    const abort = () => waiter.reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    interest[readiness].add(waiter);
    try {
      this.#apply(fd, interest);
      await waiter.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
      // Already gone, unless it was aborted or the kernel refused the fd.
      if (interest[readiness].delete(waiter)) this.#apply(fd, interest);
    }
  }

  /**
   * Calls `callback` whenever `fd` is readable, until the result is disposed of. It has to read
   * what is there, or it is called again at once. One callback for an fd.
   *
   * @throws LinuxError EEXIST when the fd has a callback; EPERM for a regular file; EBADF
   */
  add(fd: number, callback: () => void): Disposable {
    const interest = this.#interest(fd);
    if (interest.callback !== undefined) {
      throw new LinuxError(EEXIST, "epoll_ctl", `a callback for fd ${fd}`);
    }
    const remove = () => {
      if (interest.callback !== callback) return;
      delete interest.callback;
      this.#apply(fd, interest);
    };
    interest.callback = callback;
    try {
      this.#apply(fd, interest);
    } catch (error) {
      remove();
      throw error;
    }
    return { [Symbol.dispose]: remove };
  }

  /** Rejects what is pending; a blocked thread ends at once, but not within this call. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.opens[Symbol.dispose]();
    this.#disposed = true;
    for (const interest of this.#interests.values()) {
      for (const waiter of [...interest.readable, ...interest.writable]) {
        waiter.reject(new Error("the poller was disposed of"));
      }
      interest.readable.clear();
      interest.writable.clear();
    }
    this.#interests.clear();
    if (this.#loop === undefined) this.#close();
    else this.#interrupt();
  }

  /** Stops as `Symbol.dispose` does, and waits until the thread has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    await this.#loop;
  }

  #close(): void {
    this.#wake[Symbol.dispose]();
    this.#epoll[Symbol.dispose]();
  }

  #interest(fd: number): Interest {
    if (this.#disposed) throw new Error("the poller was disposed of");
    return this.#interests.get(fd) ?? { readable: new Set(), writable: new Set(), mask: 0 };
  }

  /** Updates the events that the kernel reports of `fd`, and starts or ends the thread. */
  #apply(fd: number, interest: Interest): void {
    if (this.#disposed) return;
    const mask = (interest.readable.size > 0 || interest.callback !== undefined ? EPOLLIN : 0) |
      (interest.writable.size > 0 ? EPOLLOUT : 0);
    const before = interest.mask;
    interest.mask = mask;
    if (mask === 0) {
      this.#interests.delete(fd);
      if (before !== 0) this.#forget(fd);
      if (this.#interests.size === 0) this.#interrupt();
      return;
    }
    this.#interests.set(fd, interest);
    if (mask !== before) {
      try {
        this.#control(before === 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, mask);
      } catch (error) {
        interest.mask = before;
        throw error;
      }
    }
    this.#loop ??= this.#run();
  }

  #forget(fd: number): void {
    try {
      this.#control(EPOLL_CTL_DEL, fd, 0);
    } catch (error) {
      // Closed too early: the kernel has forgotten it by itself (epoll(7), question 6).
      if (!isErrno(error, EBADF, ENOENT)) throw error;
    }
  }

  #control(operation: number, fd: number, mask: number): void {
    this.#eventView.setUint32(0, mask, true);
    this.#eventView.setInt32(EVENT_DATA, fd, true);
    check(
      () => libc().epoll_ctl(this.#epoll.fd, operation, fd, this.#event),
      "epoll_ctl",
      `fd ${fd}`,
    );
  }

  /** Makes a blocked thread return. Changed interests need none: the kernel heeds them at once. */
  #interrupt(): void {
    if (this.#blocked) write(this.#wake.fd, new Uint8Array(new BigUint64Array([1n]).buffer));
  }

  async #run(): Promise<void> {
    while (this.#interests.size > 0) {
      this.#blocked = true;
      // -1 can only be EINTR here, when a signal of the process met this thread.
      const count = await libc().epoll_wait(this.#epoll.fd, this.#events, MAX_EVENTS, -1);
      this.#blocked = false;
      for (let index = 0; index < count; index++) this.#dispatch(index * EVENT_SIZE);
    }
    this.#loop = undefined;
    if (this.#disposed) this.#close();
  }

  #dispatch(offset: number): void {
    const events = this.#eventsView.getUint32(offset, true);
    const fd = this.#eventsView.getInt32(offset + EVENT_DATA, true);
    if (fd === this.#wake.fd) {
      read(this.#wake.fd, new Uint8Array(8));
      return;
    }
    const interest = this.#interests.get(fd);
    if (interest === undefined) return;
    const broken = (events & (EPOLLERR | EPOLLHUP)) !== 0;
    const readable = broken || (events & EPOLLIN) !== 0;
    if (readable) settle(interest.readable);
    if (broken || (events & EPOLLOUT) !== 0) settle(interest.writable);
    this.#apply(fd, interest);
    if (readable) interest.callback?.();
  }
}

function settle(waiters: Set<Waiter>): void {
  for (const waiter of waiters) waiter.resolve();
  waiters.clear();
}
