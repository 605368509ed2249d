// SPDX-License-Identifier: MIT
import { after } from "../../linux/event_loop/timer.ts";
import { O_NONBLOCK, OwnedFd, pipe2, readAvailable, write } from "../../linux/fd/fd.ts";

/** How long runc waits for the start of its exec before it is killed, in milliseconds. */
const WAIT_MS = 1000;

/** Calls runc's `exec`, which reads the process from the pipe `fd` and is killed by the signal. */
type CallRuntime = (fd: number, signal: AbortSignal) => Promise<void>;

/**
 * A call of runc's `exec` that is ahead of the start of its exec. runc looks for the container and then
 * waits for the process, which it reads from a pipe. It has changed nothing by then, and may be killed.
 */
export class WaitingRuntime {
  readonly #process: Uint8Array<ArrayBuffer>;
  /** Open here too, so that a write to it never fails for want of a reader. */
  readonly #read: OwnedFd;
  /** The only writing end: runc sees the end of the pipe if this process dies. */
  readonly #write: OwnedFd;
  readonly #giveUp = new AbortController();
  readonly #call: Promise<void>;
  readonly #timer: Disposable;
  #ended = false;

  /**
   * Starts it.
   *
   * @param process what is told of the process.
   * @throws {LinuxError} if there cannot be a pipe.
   */
  constructor(process: string, call: CallRuntime) {
    this.#process = new TextEncoder().encode(process);
    const pipe = pipe2(O_NONBLOCK);
    this.#read = new OwnedFd(pipe.read);
    this.#write = new OwnedFd(pipe.write);
    this.#call = call(pipe.read, this.#giveUp.signal);
    const ended = () => void (this.#ended = true);
    this.#call.then(ended, ended);
    this.#timer = after(WAIT_MS, () => this.giveUp());
  }

  /** Whether it waits. */
  get waits(): boolean {
    return !this.#ended && !this.#giveUp.signal.aborted;
  }

  /**
   * Tells it of the process, and waits for its end. Returns whether it was told: not if it does not wait
   * (any more), if it has died before it has read anything, or if the process takes more than a pipe
   * does.
   */
  async go(): Promise<boolean> {
    const { length } = this.#process;
    if (!this.waits || write(this.#write.fd, this.#process) !== length) {
      this.giveUp();
      return false;
    }
    this.#timer[Symbol.dispose]();
    this.#write[Symbol.dispose]();
    try {
      await this.#call;
    } catch (error) {
      if (this.#giveUp.signal.aborted) throw error;
      // The runtime had ended before it read the process, which was not known yet.
      if (readAvailable(this.#read.fd, new Uint8Array(length)) !== length) throw error;
      return false;
    }
    return true;
  }

  /** Kills it unless it has ended. */
  giveUp(): void {
    this.#timer[Symbol.dispose]();
    // Before it could see the end of the pipe and say so on the stderr of the exec.
    this.#giveUp.abort();
    this.#read[Symbol.dispose]();
    this.#write[Symbol.dispose]();
  }
}
