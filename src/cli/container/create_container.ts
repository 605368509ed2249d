// SPDX-License-Identifier: MIT
import { mkfifo } from "../../linux/fd/fifo.ts";
import { FILE_PREFIX } from "../../oci/bundle_layout.ts";
import { AlreadyExistsError, NotFoundError } from "../../rpc/errors.ts";
import { FifoStreams, type StdioParams } from "../process_io/fifo_streams.ts";
import type { CreateParams } from "./create_request.ts";
import { type Daemon, lost } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { checkId } from "../common/ids.ts";
import { randomName } from "./names.ts";
import { createIoDir, isRefused, lockIoDir } from "./io_dir.ts";
import { logPath, removeDir, removeLog, removeOwnDirs, REQUEST_LABEL } from "./container_dirs.ts";

/** So many random names are tried before one that is taken is an error. */
const NAMES = 3;

/** A daemon that went away during a create is given so long to come back, ms. */
const AWAY_MS = 60_000;

/** What a container of this id is to be made from, without its stdio. */
export type RequestFor = (id: string) => CreateParams;

/** Stdio that was made for a container, and how to take it back when that is not created. */
interface PreparedStdio {
  readonly params: StdioParams;
  undo(error: unknown): void;
}

/** Creates a container. A random name that is taken is tried anew, one that was given is not. */
async function create(
  daemon: Daemon,
  root: string,
  name: string | undefined,
  requestFor: RequestFor,
  prepare: (id: string, terminal: boolean) => PreparedStdio,
): Promise<string> {
  if (name !== undefined) checkId(name);
  for (let attempt = 1;; attempt++) {
    const id = name ?? randomName();
    const wanted = requestFor(id);
    const mark = crypto.randomUUID();
    const request = { ...wanted, labels: { ...wanted.labels, [REQUEST_LABEL]: mark } };
    const undo = () => removeOwnDirs(root, id, wanted.labels ?? {});
    let stdio;
    try {
      stdio = prepare(id, request.terminal ?? false);
    } catch (error) {
      undo();
      throw error;
    }
    const peer = daemon.peer;
    try {
      await daemon.call("container.create", { ...request, ...stdio.params });
      return id;
    } catch (failure) {
      const error = await lost(peer, failure) ? await outcome(daemon, id, mark, failure) : failure;
      if (error === undefined) return id;
      stdio.undo(error);
      undo();
      const again = error instanceof AlreadyExistsError && name === undefined && attempt < NAMES;
      if (!again) throw error;
    }
  }
}

/**
 * What became of a create that lost its daemon, as the next daemon says: the error that it ended
 * with, or undefined where it has made its container nevertheless. Throws a {@linkcode CliError}
 * when no daemon comes: what was made for the container then stays.
 */
async function outcome(
  daemon: Daemon,
  id: string,
  mark: string,
  failure: unknown,
): Promise<unknown> {
  let timer;
  const away = new Promise<never>((_, reject) => {
    const error = new CliError(`the daemon went away while it created ${id}, which may be there`);
    timer = setTimeout(() => reject(error), AWAY_MS);
  });
  try {
    const state = await Promise.race([daemon.callAcrossRestarts("container.state", { id }), away]);
    if (state.labels[REQUEST_LABEL] === mark) return undefined;
    return new AlreadyExistsError(`container ${id} exists already`);
  } catch (error) {
    if (error instanceof NotFoundError) return failure;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Creates a container whose stdio is wired to this process; its FIFOs stay for `berth attach`. */
export async function createForeground(
  daemon: Daemon,
  root: string,
  name: string | undefined,
  interactive: boolean,
  requestFor: RequestFor,
): Promise<{ id: string; streams: FifoStreams; lock: Disposable }> {
  let made: { streams: FifoStreams; lock: Disposable } | undefined;
  const id = await create(daemon, root, name, requestFor, (id, terminal) => {
    const dir = createIoDir(root, id);
    const streams = FifoStreams.make(dir, { stdin: interactive, terminal });
    const lock = lockIoDir(id, dir);
    made = { streams, lock };
    return {
      params: streams.params,
      undo: () => {
        lock[Symbol.dispose]();
        streams[Symbol.dispose]();
        removeDir(dir);
      },
    };
  });
  if (!made) throw new Error("a created container has streams");
  return { id, ...made };
}

/**
 * Creates a container that nobody attends to: its output is appended to its log; its stdin, where
 * one is wanted, is a FIFO that `berth attach` finds.
 */
export async function createDetached(
  daemon: Daemon,
  root: string,
  name: string | undefined,
  interactive: boolean,
  requestFor: RequestFor,
): Promise<string> {
  makeLogDir(root);
  const id = await create(daemon, root, name, requestFor, (id, terminal) => {
    const io = interactive ? createIoDir(root, id) : undefined;
    if (io !== undefined) mkfifo(`${io}/stdin`, 0o600);
    const log = `${FILE_PREFIX}${logPath(root, id)}`;
    return {
      params: {
        stdin: io === undefined ? "" : `${io}/stdin`,
        stdout: log,
        stderr: terminal ? "" : log,
        terminal,
      },
      undo: (error) => {
        if (io !== undefined) removeDir(io);
        // Where the id is taken, the log is another container's.
        if (!(error instanceof AlreadyExistsError)) removeLog(root, id);
      },
    };
  });
  emptyLog(root, id);
  return id;
}

/** Makes the directory of logs. Throws a {@linkcode CliError} for who may not keep a log there. */
function makeLogDir(root: string): void {
  const dir = `${root}/logs`;
  try {
    Deno.mkdirSync(dir, { recursive: true, mode: 0o700 });
    // That it is there does not say that this user may empty and remove logs in it.
    Deno.removeSync(Deno.makeTempDirSync({ dir, prefix: ".may-write-" }));
  } catch (error) {
    if (!isRefused(error)) throw error;
    throw new CliError(
      `permission denied on ${dir}: only root may make a container whose output goes to a log; ` +
        `stay with it ("berth run" without -d) or make it as root`,
      { cause: error },
    );
  }
}

/**
 * Empties what an earlier container of this id has left. This one appends, and has not started yet.
 */
function emptyLog(root: string, id: string): void {
  try {
    Deno.truncateSync(logPath(root, id), 0);
  } catch (error) {
    // It is made when it is first written to.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
