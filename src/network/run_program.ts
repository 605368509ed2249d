// SPDX-License-Identifier: MIT
// Runs a program to its end, with bounds for its time and output.
import {
  fdPath,
  memfd,
  O_NONBLOCK,
  O_RDONLY,
  OwnedFd,
  pipe2,
  readAvailable,
  setNonblocking,
  writeAll,
} from "../linux/fd/fd.ts";
import { FileLock } from "../linux/fd/file_lock.ts";
import { withTimeout } from "../linux/event_loop/with_timeout.ts";
import { absolutePathEntries, DEFAULT_PATH } from "../linux/process/environment.ts";
import type { Exit, Spawn } from "../oci/driver/spawn.ts";
import type { PluginRuns } from "./plugin_runs.ts";
import { endPluginRuns } from "./plugin_runs.ts";

/** How {@linkcode runProgram} runs a program. */
export interface ProgramOptions {
  readonly spawn: Spawn;
  /** Which runs it is one of: the program inherits their lock and their name. */
  readonly runs: PluginRuns;
  readonly env: Readonly<Record<string, string>>;
  /** The text that it reads from its standard input. */
  readonly input: string;
  /** After so many milliseconds it is killed. */
  readonly timeoutMs: number;
  /** If it writes more bytes than these to one of its outputs, it is killed. */
  readonly maxOutput: number;
}

/** The end of a program, and its output. */
export interface ProgramEnd {
  /** Undefined if it was killed, with all that it had started. */
  readonly exit: Exit | undefined;
  /** Why it was killed. */
  readonly killed?: "late" | "output";
  readonly stdout: string;
  readonly stderr: string;
}

/** The time between two reads of the outputs of a program that runs, in milliseconds. */
const READ_INTERVAL = 10;

/**
 * Runs a program to its end.
 *
 * @throws {LinuxError} if it cannot be started.
 */
export async function runProgram(
  argv: readonly string[],
  options: ProgramOptions,
): Promise<ProgramEnd> {
  const { timeoutMs, maxOutput } = options;
  using stdout = new CapturedOutput(maxOutput);
  using stderr = new CapturedOutput(maxOutput);
  const child = start(argv, options, stdout, stderr);
  let exit: Exit | undefined;
  const exited = child.exited.then((value) => {
    exit = value;
  });
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    await withTimeout(exited, READ_INTERVAL);
    const ended = exit !== undefined;
    stdout.read();
    stderr.read();
    const killed = stdout.full || stderr.full
      ? "output"
      : !ended && performance.now() >= deadline
      ? "late"
      : undefined;
    if (killed !== undefined) {
      await endPluginRuns(options.runs, 0);
      return { exit: undefined, killed, stdout: stdout.text(), stderr: stderr.text() };
    }
    if (ended) return { exit, stdout: stdout.text(), stderr: stderr.text() };
  }
}

function start(
  argv: readonly string[],
  { spawn, runs: { containerId, lock }, env, input }: ProgramOptions,
  stdout: CapturedOutput,
  stderr: CapturedOutput,
) {
  using stdin = readable(input);
  // Once this is closed here the lock is the program's, and that of all that it starts.
  using held = FileLock.tryLock(lock, { shared: true });
  const child = spawn(argv, {
    env: { ...env, CNI_CONTAINERID: containerId },
    stdin: stdin.fd,
    stdout: stdout.writer,
    stderr: stderr.writer,
    fds: held === undefined ? [] : [held.fd],
    // Not the caller's: a daemon is set to outlive others.
    oomScoreAdj: 0,
  });
  stdout.closeWriter();
  stderr.closeWriter();
  return child;
}

/**
 * The output of a program, up to a bound. It is read as far as it is there: processes that the program has
 * started may hold the other end for long after it.
 */
class CapturedOutput implements Disposable {
  readonly #reader: OwnedFd;
  readonly #writer: OwnedFd;
  readonly #max: number;
  readonly #buffer = new Uint8Array(65_536);
  readonly #decoder = new TextDecoder();
  #text = "";
  #length = 0;

  constructor(max: number) {
    const ends = pipe2(O_NONBLOCK);
    this.#reader = new OwnedFd(ends.read);
    this.#writer = new OwnedFd(ends.write);
    this.#max = max;
    setNonblocking(ends.write, false);
  }

  get writer(): number {
    return this.#writer.fd;
  }

  /** Closes the end for writing, of which the program has its own by now. */
  closeWriter(): void {
    this.#writer[Symbol.dispose]();
  }

  get full(): boolean {
    return this.#length > this.#max;
  }

  read(): void {
    while (!this.full) {
      const count = readAvailable(this.#reader.fd, this.#buffer);
      if (count === undefined || count === 0) return;
      this.#text += this.#decoder.decode(this.#buffer.subarray(0, count), { stream: true });
      this.#length += count;
    }
  }

  text(): string {
    return this.#text;
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
    this.#writer[Symbol.dispose]();
  }
}

/** Returns a file that reads as `text` from its beginning. */
function readable(text: string): OwnedFd {
  using file = new OwnedFd(memfd("stdin"));
  writeAll(file.fd, new TextEncoder().encode(text));
  // Opened anew, for an offset of its own.
  return OwnedFd.open(fdPath(file.fd), O_RDONLY);
}

/**
 * Returns the PATH of plugins: they find `iptables` and its like also where this process's own does
 * not lead to it.
 */
export function pluginPath(): string {
  return `${absolutePathEntries(Deno.env.get("PATH"))}:${DEFAULT_PATH}`;
}
