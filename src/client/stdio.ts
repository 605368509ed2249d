// SPDX-License-Identifier: MIT
// The streams of a process whose stdio is `piped`.
import { type ByteStream, makeFifos, openFifo, removeFifos } from "./fifo.ts";

/** In place of a path: make a FIFO for it and give the stream at its other end. */
export const PIPED = "piped";

/** The members of `container.create` and `container.exec` that say where stdio goes. */
export interface StdioParams {
  /** FIFO to read from, `"piped"`, or none. */
  readonly stdin?: string | undefined;
  /** FIFO or `file:///path` to write to, `"piped"`, or none. */
  readonly stdout?: string | undefined;
  /** FIFO or `file:///path` to write to, `"piped"`, or none; with a terminal none. */
  readonly stderr?: string | undefined;
  /** Whether the process gets a terminal. */
  readonly terminal?: boolean | undefined;
}

/** The stream of a target: there is one where that is `"piped"`. */
export type StreamOf<Target, Stream> = [Target] extends ["piped"] ? Stream
  : "piped" extends Target ? Stream | undefined
  : undefined;

/** The stream of stderr, by the params: with a terminal there may be none. */
export type StderrOf<Params extends StdioParams> = Params extends
  { readonly stderr?: infer Target; readonly terminal?: infer Terminal }
  ? unknown extends Terminal ? StreamOf<Target, ReadableStream<Uint8Array>>
  : true extends Terminal ? ReadableStream<Uint8Array> | undefined
  : StreamOf<Target, ReadableStream<Uint8Array>>
  : undefined;

/**
 * The streams that a handle has, by the params that it was made with: where one of them is the literal
 * `"piped"` its stream is there.
 */
export interface PipedStreams<Params extends StdioParams> {
  /** See `ContainerProcess.stdin`. */
  readonly stdin: Params extends { readonly stdin?: infer Target }
    ? StreamOf<Target, WritableStream<Uint8Array>>
    : undefined;
  /** See `ContainerProcess.stdout`. */
  readonly stdout: Params extends { readonly stdout?: infer Target }
    ? StreamOf<Target, ReadableStream<Uint8Array>>
    : undefined;
  /** See `ContainerProcess.stderr`. With a terminal there is none. */
  readonly stderr: StderrOf<Params>;
}

type Name = "stdin" | "stdout" | "stderr";

/** How much is read at once at most, bytes: what a pipe holds (pipe(7)). */
const CHUNK = 64 * 1024;

/**
 * This side of the FIFOs of a process whose stdio is `piped`. A FIFO that no other process has open
 * blocks its opener, and shows its end to its reader (fifo(7)), so each is also held open for both
 * until {@linkcode closeHeld}: by then the container's side is open.
 */
export class PipedStdio {
  /** The process's stdin; closing it gives the process its end of input. */
  readonly stdin: WritableStream<Uint8Array> | undefined;
  /** The process's stdout. It must be read: a process blocks when 64 KiB wait for a reader. */
  readonly stdout: ReadableStream<Uint8Array> | undefined;
  /** The process's stderr; none with a terminal, where it goes to stdout. */
  readonly stderr: ReadableStream<Uint8Array> | undefined;
  /** The stdio members to send in place of those that were asked for. */
  readonly params: StdioParams;
  /** Called when the stdin stream was closed, to have the other side let go too. */
  onStdinClosed: () => Promise<void> = () => Promise.resolve();
  readonly #dir: string | undefined;
  readonly #ends = new Set<ByteStream>();
  #held: readonly ByteStream[];

  private constructor(
    params: StdioParams,
    dir: string | undefined,
    ends: ReadonlyMap<Name, ByteStream>,
    held: readonly ByteStream[],
  ) {
    this.params = params;
    this.#dir = dir;
    this.#held = held;
    for (const end of ends.values()) this.#ends.add(end);
    const { stdin, stdout, stderr } = Object.fromEntries(ends);
    this.stdin = stdin && this.#writable(stdin);
    this.stdout = stdout && this.#readable(stdout);
    this.stderr = stderr && this.#readable(stderr);
  }

  /** Makes a FIFO for each of the three that is `piped`, in a private directory, and opens it. */
  static async open(given: StdioParams): Promise<PipedStdio> {
    const stderr = given.terminal && given.stderr === PIPED ? "" : given.stderr;
    const wanted = { stdin: given.stdin, stdout: given.stdout, stderr };
    const names = (["stdin", "stdout", "stderr"] as const).filter((name) => wanted[name] === PIPED);
    const rest = Object.fromEntries(
      Object.entries(wanted).filter(([, target]) => target !== undefined),
    );
    if (names.length === 0) return new PipedStdio(rest, undefined, new Map(), []);
    const dir = await makeFifos(names);
    const held: ByteStream[] = [];
    const ends = new Map<Name, ByteStream>();
    try {
      for (const name of names) {
        const path = `${dir}/${name}`;
        held.push(await openFifo(path, "both"));
        ends.set(name, await openFifo(path, name === "stdin" ? "write" : "read"));
      }
    } catch (error) {
      for (const end of [...held, ...ends.values()]) end.close();
      await removeFifos(dir);
      throw error;
    }
    const paths = Object.fromEntries(names.map((name) => [name, `${dir}/${name}`]));
    return new PipedStdio({ ...rest, ...paths }, dir, ends, held);
  }

  /** Returns the handle that has these streams, typed by its params. */
  typed<Params extends StdioParams, Handle>(handle: Handle): Handle & PipedStreams<Params> {
    // `open` makes a stream for each that is `piped`, which is all that the type says.
    return handle as Handle & PipedStreams<Params>;
  }

  /** Closes the ends that were held until the container's side is open, whose end is now that of ours. */
  closeHeld(): void {
    for (const end of this.#held) end.close();
    this.#held = [];
  }

  /** Closes the streams that are still open, and removes the FIFOs. */
  async close(): Promise<void> {
    this.closeHeld();
    for (const end of this.#ends) end.close();
    this.#ends.clear();
    await this.#removeWhenDone();
  }

  #readable(end: ByteStream): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const chunk = new Uint8Array(CHUNK);
        const count = this.#ends.has(end) ? await end.read(chunk) : null;
        if (count !== null && count > 0) return controller.enqueue(chunk.subarray(0, count));
        controller.close();
        await this.#end(end);
      },
      cancel: () => this.#end(end),
    }, { highWaterMark: 0 });
  }

  #writable(end: ByteStream): WritableStream<Uint8Array> {
    return new WritableStream<Uint8Array>({
      write: async (chunk) => {
        for (let rest = chunk; rest.length > 0;) rest = rest.subarray(await end.write(rest));
      },
      close: async () => {
        await this.#end(end);
        await this.onStdinClosed();
      },
      abort: () => this.#end(end),
    });
  }

  async #end(end: ByteStream): Promise<void> {
    end.close();
    this.#ends.delete(end);
    await this.#removeWhenDone();
  }

  async #removeWhenDone(): Promise<void> {
    if (this.#dir !== undefined && this.#ends.size === 0) await removeFifos(this.#dir);
  }
}
