// SPDX-License-Identifier: MIT
import { close, read, setNonblocking, write } from "../../../src/linux/fd/fd.ts";
import { setWinsize } from "../../../src/linux/fd/pty.ts";
import { openPty } from "../../../src/linux/fd/pty_testing.ts";
import { LinuxError } from "../../../src/linux/libc/errno.ts";
import { Poller } from "../../../src/linux/fd/poller.ts";
import { until, within } from "../poll.ts";
import { signalChild } from "../processes.ts";

/** A process that has a terminal, which the test is at. */
export class PtyProcess implements AsyncDisposable {
  /** Everything that the terminal has shown. */
  output = "";
  /** Path of the terminal. */
  readonly slave: string;
  readonly #chunks: Uint8Array[] = [];
  readonly #master: number;
  readonly #child: Deno.ChildProcess;
  readonly #poller = new Poller();
  readonly #reading: Promise<void>;

  /** Starts `argv` as the leader of a session with a terminal of this size. */
  constructor(
    argv: readonly string[],
    options: { env?: Record<string, string>; cwd?: string; width?: number; height?: number } = {},
  ) {
    const { master, slave } = openPty();
    setNonblocking(master, true);
    this.#master = master;
    this.slave = slave;
    setWinsize(master, options.width ?? 100, options.height ?? 30);
    const script = 'tty=$1; shift; exec setsid --ctty --wait "$@" <>"$tty" >&0 2>&0';
    this.#child = new Deno.Command("sh", {
      args: ["-c", script, "sh", slave, ...argv],
      stdin: "null",
      stdout: "null",
      stderr: "null",
      // Whoever runs the tests may want no colors; what they test are the usual ones.
      env: { NO_COLOR: "", ...options.env },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    }).spawn();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    // Held open, so that the master does not hang up before the process has opened it.
    using _hold = Deno.openSync(this.slave, { read: true, write: true });
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(65_536);
    const ended = new AbortController();
    this.#child.status.then(() => ended.abort());
    for (;;) {
      try {
        await this.#poller.wait(this.#master, "readable", { signal: ended.signal });
      } catch {
        // The process has ended; what it has written is in the terminal.
        while (this.#take(buffer, decoder)) continue;
        return;
      }
      this.#take(buffer, decoder);
    }
  }

  #take(buffer: Uint8Array<ArrayBuffer>, decoder: TextDecoder): boolean {
    try {
      const length = read(this.#master, buffer);
      this.#chunks.push(buffer.slice(0, length));
      this.output += decoder.decode(buffer.subarray(0, length), { stream: true });
      return length > 0;
    } catch (error) {
      if (error instanceof LinuxError && (error.code === "EAGAIN" || error.code === "EIO")) {
        return false;
      }
      throw error;
    }
  }

  /** Everything that the terminal has shown, as bytes. */
  bytes(): Uint8Array {
    const all = new Uint8Array(this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  /** Types text. */
  type(text: string): void {
    write(this.#master, new TextEncoder().encode(text));
  }

  /** Changes the size of the window. */
  resize(width: number, height: number): void {
    setWinsize(this.#master, width, height);
  }

  /** Waits until the terminal has shown `text`, counted from the `from`-th character. */
  async shows(text: string | RegExp, from = 0): Promise<void> {
    const what = `${text} on the terminal`;
    await until(what, () => {
      const shown = this.output.slice(from);
      return typeof text === "string" ? shown.includes(text) : text.test(shown);
    }).catch((error) => {
      throw new Error(`${error.message}; it shows ${JSON.stringify(this.output)}`);
    });
  }

  /** Returns the output of `stty -a` for the terminal. */
  async mode(): Promise<string> {
    const args = ["-F", this.slave, "-a"];
    const { stdout } = await new Deno.Command("stty", { args, stdin: "null" }).output();
    return new TextDecoder().decode(stdout);
  }

  /** Waits until the process has made the terminal raw, which drops what was typed before. */
  async isRaw(): Promise<void> {
    await until("the raw mode", async () => / -icanon/.test(await this.mode()));
  }

  /** Waits for the end of the process; returns its exit status. */
  async exited(): Promise<number> {
    // Long: some have megabytes to show first.
    const { status } = this.#child;
    const { code } = await within("the end of the process at the terminal", status, 180_000);
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    signalChild(this.#child, "SIGKILL");
    await this.#child.status;
    await this.#reading;
    this.#poller[Symbol.dispose]();
    close(this.#master);
  }
}
