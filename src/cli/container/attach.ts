// SPDX-License-Identifier: MIT
import { filePath } from "../../oci/bundle_layout.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import type { Daemon } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { ioDir, isRefused, lockIoDir } from "./io_dir.ts";
import type { DetachKeys } from "../process_io/detach_keys.ts";
import { FifoStreams, isFifoTarget } from "../process_io/fifo_streams.ts";
import { FileOutput, type Output, PTY_LINGER_MS } from "../process_io/output.ts";
import { runSession, type SessionEnd } from "../process_io/session.ts";
import { SignalForwarder } from "../process_io/signal_forwarder.ts";

/** Options of {@linkcode attach}. */
export interface AttachOptions {
  /** Whether standard input goes to the container, if that takes any. */
  readonly stdin: boolean;
  readonly detachKeys: DetachKeys;
  /** Makes the container run; its output is then shown from its beginning. */
  readonly start?: () => Promise<void>;
}

/**
 * Wires this process's stdio to a container's: to its FIFOs, or, where its output goes to a log, to
 * what is written there from now on.
 */
export async function attach(
  daemon: Daemon,
  root: string,
  state: ContainerState,
  options: AttachOptions,
): Promise<SessionEnd> {
  const { id, status } = state;
  if (status === "stopped") throw new CliError(`cannot attach to ${id}: it has exited`);
  if (!options.start && status === "paused") {
    throw new CliError(`cannot attach to ${id}: it is paused (berth resume ${id})`);
  }
  const log = filePath(state.stdout);
  if (log === undefined && !isFifoTarget(state.stdout) && !isFifoTarget(state.stdin)) {
    throw new CliError(`cannot attach to ${id}: it was made without stdin and stdout`);
  }
  const place = isFifoTarget(state.stdout) ? ioDir(root, state) : undefined;
  using _lock = place === undefined ? undefined : lockIoDir(id, place);
  using signals = new SignalForwarder();
  using streams = openStreams(state, options.stdin);
  using file = log === undefined ? undefined : openLog(id, log);
  let output: Output | undefined;
  if (file && log !== undefined) {
    if (!options.start) file.seekSync(0, Deno.SeekMode.End);
    output = new FileOutput(file, log, Deno.stdout, state.terminal ? PTY_LINGER_MS : 0);
  }
  return await runSession({
    daemon,
    id,
    streams,
    signals,
    detachKeys: options.detachKeys,
    ...(output && { output }),
    ...(options.start && { start: options.start }),
  });
}

function openLog(id: string, log: string): Deno.FsFile {
  try {
    return Deno.openSync(log, { read: true });
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound
      ? `its log ${log} is gone`
      : isRefused(error)
      ? `only root may read ${log}`
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
      throw new CliError(`cannot attach to ${state.id}: only who made it may, and root`, {
        cause: error,
      });
    }
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CliError(`cannot attach to ${state.id}: its FIFOs are gone`, { cause: error });
  }
}
