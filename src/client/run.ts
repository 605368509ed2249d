// SPDX-License-Identifier: MIT
// `Client.run`: a container from its create to its delete, with its output.
import { concat } from "../concat.ts";
import { DeadlineExceededError } from "../rpc/errors.ts";
import { pauseFor } from "../rpc/transport/pause.ts";
import type { CallOptions } from "../rpc/peer/call_options.ts";
import type { Container } from "./container.ts";
import type { DaemonMethods, ExitStatus } from "./daemon_types.ts";

/** The params of `spec.default`; see {@linkcode Client.defaultSpec}. */
export type DefaultSpecParams = DaemonMethods["spec.default"]["params"];

/** An OCI runtime spec as JSON. */
export type OciSpec = Readonly<Record<string, unknown>>;

/** The program that `Client.run` runs: the params of `spec.default`, or a spec of your own. */
export type RunParams = Omit<DefaultSpecParams, "id" | "terminal"> | { readonly spec: OciSpec };

/** Options of `Client.run`. */
export interface RunOptions extends CallOptions {
  /** The container's id. Default: a random one. */
  readonly id?: string;
  /** The input that the process reads from its stdin. Default: none. */
  readonly stdin?: string | Uint8Array;
  /** How many bytes are kept of stdout, and of stderr. Default: 1 MiB. */
  readonly maxOutput?: number;
  /** Other params of `container.create`, such as labels. */
  readonly create?: Omit<
    DaemonMethods["container.create"]["params"],
    "id" | "spec" | "stdin" | "stdout" | "stderr" | "terminal"
  >;
}

/** The output of a container of `Client.run`. */
export interface RunOutput {
  /** The first bytes of its stdout. */
  readonly stdout: Uint8Array<ArrayBuffer>;
  /** The first bytes of its stderr. */
  readonly stderr: Uint8Array<ArrayBuffer>;
  /** Whether the process has written more than was kept. */
  readonly truncated: boolean;
}

/** How a container of `Client.run` has ended. */
export interface RunResult extends ExitStatus, RunOutput {
  /** The id that the container had. */
  readonly id: string;
}

/** A container of `Client.run` was not over in time, and is deleted. */
export class RunTimeoutError extends DeadlineExceededError {
  /** `RunTimeoutError`, which begins the error's text. */
  override name = "RunTimeoutError";
  /** The output of the container until the timeout. */
  readonly output: RunOutput;

  /** @internal Made by `Client.run`. */
  constructor(id: string, timeoutMs: number, output: RunOutput) {
    super(`container ${id} was not over after ${timeoutMs} ms`, { data: { id } });
    this.output = output;
  }
}

const MAX_OUTPUT = 1024 * 1024;

/**
 * How often it is looked for the end of output that another process holds open after the container is gone.
 * Counted in looks, not by the clock: a process that got no CPU time has read nothing meanwhile.
 */
const DRAIN_LOOKS = 50;

/** The time between two looks, milliseconds. */
const LOOK_MS = 20;

/** A container with piped stdio, as `Client.run` makes it. */
export type PipedContainer = Container & {
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
};

/** What is needed of it to run it. */
type RunnableContainer = Pick<
  PipedContainer,
  "id" | "start" | "wait" | "delete" | "stdin" | "stdout" | "stderr"
>;

/** Starts the created container, collects its output, waits for its end and deletes it. */
export async function runContainer(
  container: RunnableContainer,
  { stdin, maxOutput = MAX_OUTPUT, signal, timeoutMs }: RunOptions,
): Promise<RunResult> {
  const { id } = container;
  const over = new AbortController();
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => over.abort(), timeoutMs);
  const collected = [
    new Collector(container.stdout, maxOutput),
    new Collector(container.stderr, maxOutput),
  ] as const;
  const output = async (): Promise<RunOutput> => {
    let over = false;
    const ended = Promise.all(collected.map(({ ended }) => ended)).then(() => over = true);
    for (let looks = DRAIN_LOOKS; looks > 0 && !over; looks--) await pauseFor(ended, LOOK_MS);
    const [stdout, stderr] = collected;
    return {
      stdout: stdout.bytes(),
      stderr: stderr.bytes(),
      truncated: stdout.truncated || stderr.truncated,
    };
  };
  try {
    const end = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
    // A start that is not waited for happens nevertheless.
    await container.start();
    if (stdin !== undefined) void feed(container.stdin, stdin);
    const { exitStatus, exitedAt, exitStatusUnknown } = await container.wait({ signal: end });
    await container.delete();
    return {
      id,
      exitStatus,
      exitedAt,
      ...(exitStatusUnknown && { exitStatusUnknown }),
      ...await output(),
    };
  } catch (error) {
    if (!over.signal.aborted || timeoutMs === undefined) throw error;
    await container.delete({ force: true });
    throw new RunTimeoutError(id, timeoutMs, await output());
  } finally {
    clearTimeout(timer);
  }
}

/** Writes all of it and closes the stream. */
async function feed(
  stream: WritableStream<Uint8Array> | undefined,
  input: string | Uint8Array,
): Promise<void> {
  const writer = stream?.getWriter();
  try {
    await writer?.write(typeof input === "string" ? new TextEncoder().encode(input) : input);
    await writer?.close();
  } catch {
    // A process need not read its input; only its end counts.
  }
}

/** Reads a stream to its end and keeps the first bytes. */
class Collector {
  /** Resolves at the stream's end. */
  readonly ended: Promise<void>;
  /** Whether the stream had more than is kept. */
  truncated = false;
  readonly #chunks: Uint8Array[] = [];
  readonly #max: number;
  #size = 0;

  constructor(stream: ReadableStream<Uint8Array>, max: number) {
    this.#max = max;
    this.ended = this.#read(stream);
  }

  /** Returns the bytes that are kept so far. */
  bytes(): Uint8Array<ArrayBuffer> {
    return concat(this.#chunks);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const kept = value.subarray(0, this.#max - this.#size);
      if (kept.length < value.length) this.truncated = true;
      if (kept.length === 0) continue;
      this.#chunks.push(kept);
      this.#size += kept.length;
    }
  }
}
