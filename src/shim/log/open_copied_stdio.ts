// SPDX-License-Identifier: MIT
// Opens or takes over stdio whose output is copied.
import { errnoNameOf } from "../../linux/libc/errno.ts";
import type { Poller } from "../../linux/fd/poller.ts";
import { FILE_PREFIX, filePath } from "../../oci/bundle_layout.ts";
import type { LogRecord, StdioPaths } from "../../oci/bundle_layout.ts";
import { messageOf } from "../../error_text.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { AdoptedStdio } from "../stdio/adopted_stdio.ts";
import { FdStdio } from "../stdio/fd_stdio.ts";
import { openTargetFile } from "../stdio/output_file.ts";
import type { OpenStdioOptions, Stdio } from "../stdio/stdio.ts";
import { TerminalStdio } from "../stdio/terminal_stdio.ts";
import { ClientFifo } from "./client_fifo.ts";
import { CopiedStdio, type CopiedStdioOptions } from "./copied_stdio.ts";
import type { LogStream } from "./cri_format.ts";
import type { FifoSink } from "./fifo_source.ts";
import { LogWriter } from "./log_writer.ts";
import { LoggedOutput } from "./logged_output.ts";

/** Errors of open(2) for a path that holds no file to append to, and never will. */
const UNFIT: ReadonlySet<unknown> = new Set([
  "EISDIR",
  "ENOTDIR",
  "ELOOP",
  "ENAMETOOLONG",
  "ENXIO",
  // Of mkdir(2): a parent is a file.
  "EEXIST",
]);

const STREAMS: readonly LogStream[] = ["stdout", "stderr"];

/**
 * Opens the stdio of a process whose output is copied: to a log, or to files.
 *
 * @throws {InvalidParamsError} if a FIFO is missing, or a file cannot be opened.
 * @throws {InvalidParamsError} if the log's path cannot hold a file.
 * @throws {LinuxError} if the log cannot be opened for another reason.
 */
export function openCopiedStdio(options: OpenStdioOptions): Stdio {
  const { stdio, log, poller } = options;
  if (!stdio.terminal) {
    const direct = directStdio(stdio, log);
    if (direct !== undefined) return new FdStdio(direct, poller);
    return CopiedStdio.open(copiedOptions(options));
  }
  if (log === undefined) throw new Error("unreachable: a terminal is copied for a log only");
  using resources = new DisposableStack();
  const writer = resources.use(new LogWriter({ log, report: options.report }));
  openLog(writer);
  const output = new LoggedOutput(writer, stdio.stdout, poller);
  resources.move();
  return new TerminalStdio({ ...options, stdin: stdio.stdin, output });
}

/** Takes over the stdio of a process without a terminal, which runs if `alive`. */
export function adoptCopiedStdio(options: OpenStdioOptions, alive: boolean): Stdio {
  const { stdio, log, poller } = options;
  const direct = directStdio(stdio, log);
  if (direct !== undefined) return new AdoptedStdio(direct, alive, poller);
  return CopiedStdio.adopt(copiedOptions(options), alive);
}

/**
 * Returns the stdio with which the process writes the log itself; undefined if it has to be copied.
 */
function directStdio(stdio: StdioPaths, log: LogRecord | undefined): StdioPaths | undefined {
  if (log === undefined || log.driver === "cri") return undefined;
  if (stdio.stdout !== "" || stdio.stderr !== "") return undefined;
  const target = log.driver === "raw" ? `${FILE_PREFIX}${log.path}` : "";
  return { ...stdio, stdout: target, stderr: target };
}

function copiedOptions(options: OpenStdioOptions): CopiedStdioOptions {
  const { dir, name, stdio, log, poller, report } = options;
  using resources = new DisposableStack();
  const sinks = log === undefined
    ? fileSinks(stdio, resources, report)
    : logSinks(stdio, log, poller, resources, report);
  const fifoPrefix = `${dir}/${name}-`;
  return { fifoPrefix, stdio, poller, sinks, resources: resources.move() };
}

type Report = OpenStdioOptions["report"];

/** Returns sinks that write to the log, and to the client's FIFO while that is read. */
function logSinks(
  stdio: StdioPaths,
  log: LogRecord,
  poller: Poller,
  resources: DisposableStack,
  report: Report,
): Map<LogStream, FifoSink> {
  const writer = resources.use(new LogWriter({ log, report }));
  openLog(writer);
  const clients = new Map<string, ClientFifo>();
  return new Map(STREAMS.map((stream) => {
    const target = stdio[stream];
    if (target !== "" && !clients.has(target)) {
      clients.set(target, resources.use(new ClientFifo(target, poller)));
    }
    const client = clients.get(target);
    return [stream, (bytes) => both(writer.write(stream, bytes), client?.write(bytes))];
  }));
}

/** Returns a sink for each stream that is appended to a file. */
function fileSinks(
  stdio: StdioPaths,
  resources: DisposableStack,
  report: Report,
): Map<LogStream, FifoSink> {
  const byPath = new Map<string, FifoSink>();
  const sinks = new Map<LogStream, FifoSink>();
  for (const stream of STREAMS) {
    const path = filePath(stdio[stream]);
    if (path === undefined) continue;
    const sink = byPath.get(path) ?? fileSink(stream, path, resources, report);
    byPath.set(path, sink);
    sinks.set(stream, sink);
  }
  return sinks;
}

function fileSink(
  stream: LogStream,
  path: string,
  resources: DisposableStack,
  report: Report,
): FifoSink {
  const log = { driver: "raw", path, maxSize: 0, maxFile: 1, own: false } as const;
  const writer = resources.use(new LogWriter({ log, report }));
  openTargetFile(stream, () => writer.open());
  return (bytes) => writer.write(stream, bytes);
}

function both(
  a: Promise<void> | undefined,
  b: Promise<void> | undefined,
): Promise<void> | undefined {
  return a === undefined || b === undefined ? a ?? b : Promise.all([a, b]).then(() => {});
}

/** Opens the log. A path that cannot hold one is the caller's mistake. */
function openLog(writer: LogWriter): void {
  try {
    writer.open();
  } catch (error) {
    if (!UNFIT.has(errnoNameOf(error))) throw error;
    const message = `cannot be opened: ${messageOf(error)}`;
    throw new InvalidParamsError(`log.path ${message}`, [{ path: "log.path", message }], {
      cause: error,
    });
  }
}
