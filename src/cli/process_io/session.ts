// SPDX-License-Identifier: MIT
// Wires the caller's terminal to a process until one of them leaves.
import { BerthError } from "../../rpc/errors.ts";
import type { DaemonConnection } from "../common/daemon.ts";
import { reportUnknownStatus, waitForExit, type WaitTarget } from "../common/exit.ts";
import { CliError } from "../common/exit_status.ts";
import { printStderr } from "../text/print.ts";
import type { DetachKeys } from "./detach_keys.ts";
import type { FifoStreams } from "./fifo_streams.ts";
import { copyInput, TerminalInput } from "./input.ts";
import { type Output, PipeOutput, writeToSink } from "./output.ts";
import { RawTerminal } from "./raw_terminal.ts";
import { type SignalForwarder, statusOf } from "./signal_forwarder.ts";

/** Output that another process holds open after the exit is given up after this, ms of silence. */
const QUIET_MS = 300;
/** The same for a terminal, whose output the shim may still copy. */
const QUIET_PTY_MS = 1000;
/** As docker: so many interrupts mean that the caller wants out, whatever the process does. */
const PATIENCE = 3;

/** A process that the caller's own stdio is wired to. */
export interface SessionTarget extends WaitTarget {
  readonly daemon: DaemonConnection;
  readonly streams: FifoStreams;
  /** Where output comes from when it is not the streams' FIFOs. */
  readonly output?: Output | undefined;
  /** Catches signals since before the process was made. */
  readonly signals: SignalForwarder;
  /** The keys to detach; looked for only where the process has a terminal. */
  readonly detachKeys: DetachKeys;
  /** Whether signals go on to the process. Else each makes the caller leave. Default: true. */
  readonly sigProxy?: boolean | undefined;
  /** Makes the process run, unless the caller gives up; left out where it runs already. */
  readonly start?: ((giveUp: AbortSignal) => Promise<void>) | undefined;
}

/** How a session ended. */
export type SessionEnd =
  | {
    readonly how: "exited";
    readonly status: number;
    readonly exitStatusUnknown?: boolean | undefined;
  }
  /** The caller typed the keys to detach; the process goes on. */
  | { readonly how: "detached" }
  /** The caller was told to leave by a signal; the process goes on. */
  | { readonly how: "signaled"; readonly status: number }
  /** The output has no reader any more. The process keeps running until its pipe is full. */
  | { readonly how: "broken-pipe"; readonly status: number };

/** In raw mode these can only be meant for this command: the terminal's own signals are keys. */
const LEAVING: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/**
 * Wires standard input, output and error to a process until it exits or the caller leaves. Puts the
 * terminal in raw mode where both sides have one, follows its size, and else passes signals on.
 */
export async function runSession(target: SessionTarget): Promise<SessionEnd> {
  const { daemon, id, streams, signals } = target;
  const named = { id, execId: target.execId };
  const { terminal } = streams.params;
  const interactive = terminal && streams.stdin !== undefined && Deno.stdin.isTerminal();
  const left = Promise.withResolvers<SessionEnd>();
  left.promise.catch(() => {
    // Told below, unless the start has failed already.
  });
  const done = new AbortController();

  using _raw = interactive ? RawTerminal.enter() : undefined;
  using size = terminal && Deno.stdout.isTerminal() ? followSize(daemon, named) : undefined;
  if (target.start) await signals.starting(target.start);
  streams.release();
  // An exec does not exist before it is started; where the size is as before, this does nothing.
  size?.resize();
  // Not before: what is in the FIFOs of a process that could not be made is the OCI runtime's own
  // complaint, which the error tells as well.
  const outputs = [
    target.output,
    streams.stdout && new PipeOutput(streams.stdout, Deno.stdout),
    streams.stderr && new PipeOutput(streams.stderr, Deno.stderr),
  ].filter((output) => output !== undefined);
  for (const output of outputs) {
    output.ended.then(
      (end) =>
        end === "unwritable" && left.resolve({ how: "broken-pipe", status: statusOf("SIGPIPE") }),
      left.reject,
    );
  }

  let interrupts = 0;
  signals.deliver((signal) => {
    const impatient = (signal === "SIGINT" || signal === "SIGTERM") && ++interrupts > PATIENCE;
    if (impatient || target.sigProxy === false || (interactive && LEAVING.includes(signal))) {
      left.resolve({ how: "signaled", status: statusOf(signal) });
      return;
    }
    daemon.callAcrossRestarts("container.kill", { ...named, signal }).catch((error) => {
      if (!isGone(error)) {
        left.reject(new CliError(`cannot pass ${signal} on to ${id}`, { cause: error }));
      }
    });
  });
  if (streams.stdin) {
    passInput(target, named, streams.stdin, left.resolve).catch(left.reject);
  }

  const exited = waitForExit(daemon, named, { signal: done.signal });
  exited.catch(() => {
    // The caller has left and does not need the exit status.
  });
  let end;
  try {
    end = await Promise.race([
      exited.then(({ exitStatus: status, exitStatusUnknown }) => (
        { how: "exited", status, exitStatusUnknown } as const
      )),
      left.promise,
    ]);
  } finally {
    done.abort();
  }
  const quietMs = terminal ? QUIET_PTY_MS : QUIET_MS;
  if (end.how === "exited") await Promise.all(outputs.map((output) => output.drain(quietMs)));
  return end;
}

async function passInput(
  target: SessionTarget,
  named: WaitTarget,
  stdin: Deno.FsFile,
  leave: (end: SessionEnd) => void,
): Promise<void> {
  const { terminal } = target.streams.params;
  const input = new TerminalInput(stdin);
  const end = await copyInput(Deno.stdin, input, terminal ? target.detachKeys : undefined);
  if (end === "detached") {
    leave({ how: "detached" });
    return;
  }
  if (end === "process-stopped-reading") return;
  if (terminal && Deno.stdin.isTerminal()) {
    // In raw mode nothing that is typed ends the input: the terminal has been hung up.
    leave({ how: "signaled", status: statusOf("SIGHUP") });
    return;
  }
  if (terminal && !await stillReads(stdin, input.end())) return;
  target.streams.closeStdin();
  await target.daemon.callAcrossRestarts("container.closeStdin", named).catch((error) => {
    if (!isGone(error)) throw error;
  });
}

/** Writes to the process; false when it does not read any more. */
async function stillReads(stdin: Deno.FsFile, bytes: Uint8Array): Promise<boolean> {
  try {
    await writeToSink(stdin, bytes);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw error;
  }
}

/**
 * Keeps the process's terminal as large as this one, now and when it changes; what changes while the
 * daemon is away is said when it is back.
 */
function followSize(
  daemon: DaemonConnection,
  named: WaitTarget,
): Disposable & { resize(): void } {
  const done = new AbortController();
  let sending = false;
  let changed = false;
  // One after the other: of two that wait for the daemon the older could come last.
  const send = async () => {
    sending = true;
    while (changed) {
      changed = false;
      try {
        const { columns: width, rows: height } = Deno.consoleSize();
        if (width < 1 || height < 1) continue;
        const params = { ...named, width, height };
        await daemon.callAcrossRestarts("container.resizePty", params, { signal: done.signal });
      } catch {
        // The process has exited, or the terminal is gone: a size is not worth a failure.
      }
    }
    sending = false;
  };
  const resize = () => {
    changed = true;
    if (!sending) void send();
  };
  resize();
  Deno.addSignalListener("SIGWINCH", resize);
  return {
    resize,
    [Symbol.dispose]: () => {
      Deno.removeSignalListener("SIGWINCH", resize);
      changed = false;
      done.abort();
    },
  };
}

/** Returns whether the error says that the process has ended already. */
function isGone(error: unknown): boolean {
  return error instanceof BerthError &&
    (error.kind === "NotFound" || error.kind === "FailedPrecondition");
}

/**
 * Sets the exit status of this command, and prints how to return to a process that was left, or that
 * the exit status of one that has exited is a guess.
 */
export function exitAfter(end: SessionEnd, { id, execId }: WaitTarget): void {
  const hint = execId === undefined
    ? `${id} goes on; come back with "berth attach ${id}"`
    : `${execId} goes on in ${id}`;
  if (end.how === "exited") reportUnknownStatus(execId ?? id, end);
  if (end.how === "detached") printStderr(`\nberth: ${hint}`);
  else Deno.exitCode = end.status;
  if (end.how === "signaled") printStderr(`\nberth: told to leave: ${hint}`);
}
