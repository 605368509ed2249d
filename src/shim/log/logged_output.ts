// SPDX-License-Identifier: MIT
import { untilAborted } from "../../until_aborted.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import type { TerminalOutput } from "../stdio/terminal_output.ts";
import { ClientFifo } from "./client_fifo.ts";
import type { LogWriter } from "./log_writer.ts";

/** The most that is taken over at once, in bytes: a terminal holds less. */
const MOST_AT_ONCE = 256 * 1024;

/** Output of a terminal that goes to a log, and to a client's FIFO while that is read. */
export class LoggedOutput implements TerminalOutput {
  readonly #log: LogWriter;
  readonly #client: ClientFifo | undefined;
  /** The output that the client was given at the exit and has not taken yet. */
  #passing: Promise<void> | undefined;

  /** @param target path of the client's FIFO; `""` where there is none. */
  constructor(log: LogWriter, target: string, poller: Poller) {
    this.#log = log;
    this.#client = target === "" ? undefined : new ClientFifo(target, poller);
  }

  async write(bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    // The output that was taken at the exit comes first.
    const before = this.#passing;
    const passed = before === undefined
      ? this.#client?.write(bytes)
      : before.then(() => this.#client?.write(bytes));
    const logged = this.#log.write("stdout", bytes);
    if (logged === undefined && passed === undefined) return;
    await untilAborted(Promise.all([logged, passed]), signal);
  }

  takeAtExit(readNext: () => number | undefined, buffer: Uint8Array<ArrayBuffer>): void {
    this.#take(readNext, buffer, (passing) => {
      this.#passing = passing;
      return false;
    });
  }

  drain(readNext: () => number | undefined, buffer: Uint8Array<ArrayBuffer>): void {
    this.#take(readNext, buffer, () => true);
  }

  /** Takes over the output that is there. `goOn` says whether to go on while the client is slow. */
  #take(
    readNext: () => number | undefined,
    buffer: Uint8Array<ArrayBuffer>,
    goOn: (passing: Promise<void>) => boolean,
  ): void {
    for (let left = MOST_AT_ONCE; left > 0 && !this.#log.isStuck;) {
      const count = readNext();
      if (!count) return;
      left -= count;
      const bytes = buffer.slice(0, count);
      const logged = this.#log.write("stdout", bytes);
      const passing = this.#client?.write(bytes);
      if (logged !== undefined || (passing !== undefined && !goOn(passing))) return;
    }
  }

  end(): void {
    this.#client?.[Symbol.dispose]();
  }

  close(): void {
    this.#client?.[Symbol.dispose]();
    this.#log[Symbol.dispose]();
  }
}
