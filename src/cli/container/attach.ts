// SPDX-License-Identifier: MIT
import { isRefused } from "../../linux/libc/errno.ts";
import { filePath } from "../../oci/bundle_layout.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import type { DaemonConnection } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { ioDir, lockIoDir } from "./io_dir.ts";
import { FifoStreams, isFifoTarget } from "../process_io/fifo_streams.ts";
import { FileOutput, type Output, PTY_LINGER_MS } from "../process_io/output.ts";
import { LogOutput } from "../logs/log_output.ts";
import { runSession, type SessionEnd, type SessionTarget } from "../process_io/session.ts";
import { SignalForwarder } from "../process_io/signal_forwarder.ts";

/**
 * How a terminal is attached to a container. Where `start` makes the container run, the output of this
 * run is shown from its beginning.
 */
export interface AttachOptions extends Pick<SessionTarget, "detachKeys" | "sigProxy" | "start"> {
  /** Whether standard input goes to the container, if that takes any. */
  readonly stdin: boolean;
}

/**
 * Wires this process's stdio to a container's: to what its log is given from now on, or, where it
 * keeps none, to its FIFOs.
 */
export async function attach(
  daemon: DaemonConnection,
  root: string,
  state: ContainerState,
  options: AttachOptions,
): Promise<SessionEnd> {
  const { id, status } = state;
  if (status === "stopped" && !options.start) {
    throw new CliError(`cannot attach to ${id}: it has exited`);
  }
  if (!options.start && status === "paused") {
    throw new CliError(`cannot attach to ${id}: it is paused (berth resume ${id})`);
  }
  const output = openLogOutput(state, options);
  if (!output && !isFifoTarget(state.stdout) && !isFifoTarget(state.stdin)) {
    throw new CliError(`cannot attach to ${id}: it was made without stdin and stdout`);
  }
  // Any number of watchers may read a log; two readers of a FIFO would each get a part.
  const place = !output && isFifoTarget(state.stdout) ? ioDir(root, state) : undefined;
  using _lock = place === undefined ? undefined : lockIoDir(id, place);
  const left = options.start ? "may still start, see berth ps -a" : "is left as it is";
  using signals = new SignalForwarder(`${id} ${left}`);
  using streams = openStreams(
    output ? { ...state, stdout: "", stderr: "" } : state,
    options.stdin,
  );
  const { detachKeys, sigProxy, start } = options;
  return await runSession({ daemon, id, streams, signals, output, detachKeys, sigProxy, start });
}

/**
 * Returns the container's log, if it has one; undefined where this user may not read it but its
 * FIFOs.
 */
function openLogOutput(state: ContainerState, options: AttachOptions): Output | undefined {
  const { id, log, status, terminal } = state;
  const path = log?.path || filePath(state.stdout);
  if (path === undefined) return undefined;
  // Earlier output was for others to see.
  const fromNow = !options.start || status !== "created";
  try {
    if (log?.driver === "cri") return new LogOutput(path, { fromNow });
    const file = Deno.openSync(path, { read: true });
    if (fromNow) file.seekSync(0, Deno.SeekMode.End);
    return new FileOutput(file, path, Deno.stdout, terminal ? PTY_LINGER_MS : 0);
  } catch (error) {
    if (isRefused(error) && isFifoTarget(state.stdout)) return undefined;
    const why = error instanceof Deno.errors.NotFound
      ? `its log ${path} is gone`
      : isRefused(error)
      ? `only root may read ${path}`
      : undefined;
    if (why === undefined) throw error;
    throw new CliError(`cannot attach to ${id}: ${why}`, { cause: error });
  }
}

function openStreams(state: ContainerState, stdin: boolean): FifoStreams {
  const { stdout, stderr, terminal } = state;
  try {
    return new FifoStreams({ stdin: stdin ? state.stdin : "", stdout, stderr, terminal });
  } catch (error) {
    if (isRefused(error)) {
      throw new CliError(
        `cannot attach to ${state.id}: only the user who created it, and root, may do that`,
        { cause: error },
      );
    }
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CliError(`cannot attach to ${state.id}: its FIFOs are gone`, { cause: error });
  }
}
