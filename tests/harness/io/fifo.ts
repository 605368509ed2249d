// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mkfifo } from "../../../src/linux/fd/fifo.ts";
import { within } from "../poll.ts";
import { signalChild } from "../processes.ts";
import { uniqueName } from "../run.ts";

/** Makes a FIFO with a name of its own in `dir`; returns its path. */
export function makeFifo(dir: string): string {
  const path = `${dir}/${uniqueName("fifo")}`;
  mkfifo(path, 0o600);
  return path;
}

/**
 * Reads a FIFO in a process of its own: opening one blocks until the other side is there, and a
 * process can be ended at any point of it.
 */
export class FifoReader implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  /** Starts to read `path`. */
  constructor(path: string) {
    this.#child = new Deno.Command("cat", { args: [path], stdin: "null", stdout: "piped" }).spawn();
  }

  /** All bytes until the last writer has closed. */
  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await new Response(this.#child.stdout).arrayBuffer());
  }

  /** As {@linkcode bytes}, decoded. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** The stream itself, for a test that reads in part. */
  get stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#child.stdout;
  }

  /** Ends the reading process as a crash would. */
  async kill(): Promise<void> {
    signalChild(this.#child, "SIGKILL");
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    if (!this.#child.stdout.locked) await this.#child.stdout.cancel();
  }
}

/** Writes a FIFO in a process of its own; the FIFO has this writer until {@linkcode close}. */
export class FifoWriter implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  /** Starts to write `path`. */
  constructor(path: string) {
    this.#child = new Deno.Command("sh", {
      args: ["-c", 'exec cat >"$1"', "sh", path],
      stdin: "piped",
      stdout: "null",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
  }

  /** Writes text or bytes. */
  async write(data: string | Uint8Array): Promise<void> {
    await this.#input.write(typeof data === "string" ? new TextEncoder().encode(data) : data);
  }

  /** Lets the writer end after what was written. */
  async close(): Promise<void> {
    await this.#input.close();
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    signalChild(this.#child, "SIGKILL");
    await this.#child.status;
    try {
      await this.#input.abort();
    } catch {
      // Closed already, or broken by the kill.
    }
  }
}

/** Reads from a stream until `text` has come; returns everything so far. */
export async function readUntil(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  text: string,
): Promise<string> {
  const decoder = new TextDecoder();
  let all = "";
  while (!all.includes(text)) {
    const { value, done } = await within(`${text} from the container`, reader.read());
    assert.ok(!done, `the end came after ${JSON.stringify(all)}`);
    all += decoder.decode(value, { stream: true });
  }
  return all;
}
