// SPDX-License-Identifier: MIT
// Runs the OCI runtime once, and makes errors of its failures.
import {
  EACCES,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOEXEC,
  ENOTDIR,
  EPERM,
  ETXTBSY,
  isErrno,
} from "../../linux/libc/errno.ts";
import { baseName } from "../../linux/fs/path_names.ts";
import { fdPath, memfd, OwnedFd, preadText } from "../../linux/fd/fd.ts";
import { RuntimeError } from "../../rpc/errors.ts";
import type { ErrorData } from "../../rpc/errors.ts";
import { exitWithin } from "./exit_within.ts";
import { runtimeEnvironment } from "./runtime_environment.ts";
import { CallLog, WarningReader } from "./runtime_log.ts";
import type { Child, Spawn } from "./spawn.ts";

/** Options that every call of the OCI runtime takes. */
export interface RuntimeCallOptions {
  /** The file for the runtime's `--log`; it is appended to. */
  readonly log?: string;
  /** After so many milliseconds the runtime is killed: `DeadlineExceededError`. */
  readonly timeoutMs?: number;
  /** Kills the runtime when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** One call of the OCI runtime. */
export interface RuncCall {
  /** `create`, `start`, …; for messages. */
  readonly subcommand: string;
  /** The container that it is about. */
  readonly id?: string;
  /** The arguments after the global options. */
  readonly args: readonly string[];
  readonly stdin?: number | undefined;
  /**
   * The call's own output: `quiet` captures stderr for its message, `stdout` both. With `inherit`
   * they go to the container, which keeps them, so that only the log tells what failed.
   */
  readonly output: "quiet" | "stdout" | "inherit";
  /** fd 1 with `inherit`; /dev/null when left out. */
  readonly stdout?: number | undefined;
  /** fd 2 with `inherit`; /dev/null when left out. */
  readonly stderr?: number | undefined;
  /** Variables of its environment beside the usual. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** OOM score of the runtime, which what it starts inherits. Default: 0. */
  readonly oomScoreAdj?: number | undefined;
  /** Further fds of the runtime, from 3 on. */
  readonly fds?: readonly number[] | undefined;
}

/** The report on a call that has ended. */
export interface CallReport {
  readonly subcommand: string;
  readonly id: string;
  readonly durationMs: number;
  /** The exit code, or 128+signal; -1 if it could not be started or did not end. */
  readonly exitCode: number;
  /** The messages that it has logged at level warning, if any. */
  readonly warnings?: string[] | undefined;
}

/** The OCI runtime, and the parts of its caller that every call shares. */
export interface CallContext {
  readonly command: string;
  readonly root: string;
  readonly spawn: Spawn;
  readonly debug: ((report: CallReport) => void) | undefined;
  /** The log files that calls write to right now. */
  readonly logsInUse: Set<string>;
}

/**
 * Returns whether an error is that the OCI runtime could not be started, so that it has done
 * nothing.
 */
export function couldNotStart(error: unknown): boolean {
  return error instanceof RuntimeError && error.data["exitCode"] === NOT_STARTED;
}

/** The exit code of a call that could not be started or did not end. */
const NOT_STARTED = -1;

/** How much of a failed call's stderr goes into the message, in UTF-16 units. */
const MAX_MESSAGE = 4096;

/**
 * Errors of execve(2) for a file that cannot be run. Others are the machine's: EAGAIN, ENOMEM, …
 */
const UNFIT = [
  ENOENT,
  ENOTDIR,
  ENAMETOOLONG,
  ELOOP,
  EACCES,
  EPERM,
  ENOEXEC,
  ETXTBSY,
] as const;

/**
 * Runs the OCI runtime once. Returns its stdout, if the call captures that.
 *
 * @throws {RuntimeError} if it fails or is not there, with its own message.
 * @throws {DeadlineExceededError} if it was killed for taking too long.
 */
export async function runCall(
  context: CallContext,
  call: RuncCall,
  options: RuntimeCallOptions,
): Promise<string> {
  const started = performance.now();
  let exitCode = NOT_STARTED;
  using log = options.log === undefined ? undefined : CallLog.take(options.log, context.logsInUse);
  using stdout = call.output === "stdout" ? new OwnedFd(memfd("stdout")) : undefined;
  using stderr = call.output === "inherit" ? undefined : new OwnedFd(memfd("stderr"));
  // Without a log file the runtime would log to stderr, which may be the container's.
  const logFile = log?.path ?? "/dev/null";
  const logged = context.debug === undefined || logFile === "/dev/null"
    ? undefined
    : new WarningReader(logFile);
  const argv = [context.command, "--root", context.root, "--log", logFile, "--log-format", "json"];
  argv.push(...call.args);
  try {
    const child = spawnRuntime(context, call, argv, {
      stdin: call.stdin,
      stdout: stdout?.fd ?? call.stdout,
      stderr: stderr?.fd ?? call.stderr,
    });
    const exit = await exitWithin(child, {
      what: `${subject(call)}${baseName(context.command)} ${call.subcommand}`,
      data: dataOf(call, {}),
      ...options,
    });
    exitCode = exit.status;
    if (exitCode === 0) return stdout === undefined ? "" : preadText(stdout.fd);
    const message = log?.lastError() || (stderr && endOf(stderr)) ||
      (exit.signal === undefined ? noMessage(log) : `it was killed by signal ${exit.signal}`);
    throw new RuntimeError(`${subject(call)}${named(context, call, message)}`, {
      data: dataOf(call, {
        command: argv.join(" "),
        exitCode,
        runtimeMessage: message,
      }),
    });
  } finally {
    const warnings = logged === undefined ? [] : tryRead(logged);
    context.debug?.({
      ...(warnings.length === 0 ? {} : { warnings }),
      subcommand: call.subcommand,
      id: call.id ?? "",
      durationMs: performance.now() - started,
      exitCode,
    });
  }
}

function spawnRuntime(
  context: CallContext,
  call: RuncCall,
  argv: readonly string[],
  fds: Record<"stdin" | "stdout" | "stderr", number | undefined>,
): Child {
  try {
    return context.spawn(argv, {
      env: { ...runtimeEnvironment(), ...call.env },
      ownGroup: true,
      // Not the caller's: a shim is set to outlive its container.
      oomScoreAdj: call.oomScoreAdj ?? 0,
      fds: call.fds ?? [],
      ...fds,
    });
  } catch (error) {
    if (!isErrno(error, ...UNFIT)) throw error;
    const message = error.errno === ENOENT
      ? `there is no OCI runtime "${context.command}"`
      : `the OCI runtime ${context.command} cannot be run: ${error.message}`;
    throw new RuntimeError(`${subject(call)}${message}`, {
      cause: error,
      data: dataOf(call, {
        command: argv.join(" "),
        exitCode: NOT_STARTED,
        runtimeMessage: message,
      }),
    });
  }
}

/** Returns the text for a runtime that gave no message, with the reason where its log cannot be written. */
function noMessage(log: CallLog | undefined): string {
  const why = log?.unwritable();
  return why === undefined
    ? "it gave no message"
    : `it gave no message, and its log ${log?.path} cannot be written: ${why}`;
}

/** Returns the warnings. A failure to read them, such as a lack of fds, does not fail the call. */
function tryRead(reader: WarningReader): string[] {
  try {
    return reader.read();
  } catch (error) {
    return [`its warnings cannot be read: ${error}`];
  }
}

/** Returns the end of a text, however long all of it is: at most {@linkcode MAX_MESSAGE} units. */
function endOf({ fd }: OwnedFd): string {
  // A unit of UTF-16 has at most 3 bytes in UTF-8, so that a character cut at the start is cut off.
  const from = Deno.statSync(fdPath(fd)).size - 4 * MAX_MESSAGE;
  return preadText(fd, Math.max(from, 0)).slice(-MAX_MESSAGE);
}

function subject({ id }: RuncCall): string {
  return id === undefined ? "" : `container ${id}: `;
}

function dataOf({ id }: RuncCall, data: ErrorData): ErrorData {
  return id === undefined ? data : { id, ...data };
}

/** Returns the message with the command that failed, which runc's messages begin with already. */
function named({ command }: CallContext, { subcommand }: RuncCall, message: string): string {
  const name = `${baseName(command)} ${subcommand}`;
  return message.startsWith(`${name} failed`) ? message : `${name} failed: ${message}`;
}
