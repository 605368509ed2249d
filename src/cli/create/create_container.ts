// SPDX-License-Identifier: MIT
// Creates a container in the daemon, attached or not, and takes it back.
import { withTimeout } from "../../linux/event_loop/with_timeout.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import { AlreadyExistsError, NotFoundError } from "../../rpc/errors.ts";
import { FifoStreams } from "../process_io/fifo_streams.ts";
import type { ContainerCreateParams } from "./create_input.ts";
import { type DaemonConnection, isConnectionLost } from "../common/daemon.ts";
import { ownDirs, removeOwnDir } from "../../oci/own_dirs_layout.ts";
import { CliError } from "../common/exit_status.ts";
import { checkId } from "../common/ids.ts";
import { randomName } from "../container/names.ts";
import { createIoDir, lockIoDir } from "../container/io_dir.ts";
import { REQUEST_LABEL } from "../common/labels.ts";
import { printError, printStderr } from "../text/print.ts";

/** So many random names are tried before one that is taken is an error. */
const NAMES = 3;

/** How long nothing is said while a create is taken back, in milliseconds. */
const SOON_MS = 3_000;

/** A daemon that went away during a create is given so long to come back, ms. */
const AWAY_MS = 60_000;

/**
 * Returns the params of the container of this id, without its stdio. `held` gets the locks of the
 * directories that were made for it.
 */
export type RequestFor = (
  id: string,
  held: DisposableStack,
) => ContainerCreateParams | Promise<ContainerCreateParams>;

/** The id and stdin of the container, and the signal that takes its create back. */
export interface CreationOptions {
  /** Its id; left out: a random one. */
  readonly name?: string | undefined;
  /** Whether its stdin is kept open. */
  readonly interactive: boolean;
  /** Aborted to take the create back, with what is then thrown. */
  readonly giveUp: AbortSignal;
}

/** Stdio that was made for a container, and how to take it back when that is not created. */
interface PreparedStdio {
  readonly params: Pick<ContainerCreateParams, "stdin" | "stdout" | "stderr" | "terminal" | "log">;
  undo(): void;
}

/** Creates a container. A random name that is taken is tried anew, one that was given is not. */
async function create(
  daemon: DaemonConnection,
  root: string,
  { name, giveUp }: CreationOptions,
  requestFor: RequestFor,
  prepare: (id: string, request: ContainerCreateParams, held: DisposableStack) => PreparedStdio,
): Promise<string> {
  if (name !== undefined) checkId(name);
  for (let attempt = 1;; attempt++) {
    const id = name ?? randomName();
    using held = new DisposableStack();
    const wanted = await requestFor(id, held);
    const mark = crypto.randomUUID();
    const labels = { ...wanted.labels, [REQUEST_LABEL]: mark };
    const request = { ...wanted, instance: mark, labels };
    const undo = () => ownDirs(root, wanted).forEach(removeOwnDir);
    let stdio;
    try {
      stdio = prepare(id, request, held);
    } catch (error) {
      undo();
      throw error;
    }
    const peer = daemon.peer;
    let takenBack: Promise<void> | undefined;
    const onGiveUp = () => takenBack = takeBack(daemon, id, mark);
    try {
      giveUp.throwIfAborted();
      giveUp.addEventListener("abort", onGiveUp);
      const params = { ...request, ...stdio.params };
      await daemon.call("container.create", {
        ...params,
        // A user's own directory goes with that user's command.
        ...(request.autoRemove && { removeDirs: ownDirs(root, params) }),
      });
      giveUp.throwIfAborted();
      return id;
    } catch (failure) {
      const error = await isConnectionLost(peer, failure)
        ? await outcome(daemon, id, mark, failure)
        : failure;
      if (error === undefined) return id;
      await takenBack;
      stdio.undo();
      undo();
      giveUp.throwIfAborted();
      const again = error instanceof AlreadyExistsError && name === undefined && attempt < NAMES;
      if (!again) throw error;
    } finally {
      giveUp.removeEventListener("abort", onGiveUp);
    }
  }
}

/** Makes the daemon cancel a create that is under way, or delete the container that it has made. */
async function takeBack(daemon: DaemonConnection, id: string, instance: string): Promise<void> {
  const deleted = daemon.call("container.delete", { id, instance, force: true });
  try {
    if (await withTimeout(deleted, SOON_MS)) return;
    printStderr(`berth: waiting for the daemon to take back ${id}; once more to leave at once`);
    await deleted;
  } catch (error) {
    // The create has failed just then.
    if (!(error instanceof NotFoundError)) printError(error);
  }
}

/**
 * Returns the error of a create that lost its daemon, as the next daemon knows it; undefined if the
 * container was made nevertheless. Throws a {@linkcode CliError} when no daemon comes; the container's
 * directories then stay.
 */
async function outcome(
  daemon: DaemonConnection,
  id: string,
  mark: string,
  failure: unknown,
): Promise<unknown> {
  const asked = daemon.callAcrossRestarts("container.state", { id });
  try {
    if (!await withTimeout(asked, AWAY_MS)) {
      throw new CliError(`the daemon went away while it created ${id}, which may be there`);
    }
    const state = await asked;
    if (state.labels[REQUEST_LABEL] === mark) return undefined;
    return new AlreadyExistsError(`container ${id} exists already`);
  } catch (error) {
    if (error instanceof NotFoundError) return failure;
    throw error;
  }
}

/**
 * Creates a container whose stdio is wired to this process; its FIFOs stay for `berth attach`. One
 * with a terminal keeps a log besides, as does one that asks for it.
 */
export async function createForeground(
  daemon: DaemonConnection,
  root: string,
  options: CreationOptions,
  requestFor: RequestFor,
): Promise<{ id: string; streams: FifoStreams; lock: Disposable }> {
  let made: { streams: FifoStreams; lock: Disposable } | undefined;
  const id = await create(
    daemon,
    root,
    options,
    requestFor,
    (id, { terminal = false, log, restart }, held) => {
      // It may have no reader when it runs again.
      const keepsLog = terminal || (restart !== undefined && restart.policy !== "no");
      const dir = createIoDir(root, id, held);
      const streams = FifoStreams.make(dir, { stdin: options.interactive, terminal });
      const lock = lockIoDir(id, dir);
      made = { streams, lock };
      return {
        params: { ...streams.params, ...(keepsLog && log === undefined && { log: {} }) },
        undo: () => {
          lock[Symbol.dispose]();
          streams[Symbol.dispose]();
          removeOwnDir(dir);
        },
      };
    },
  );
  if (!made) throw new Error("a created container has streams");
  return { id, ...made };
}

/**
 * Creates a container without a client: its output goes to its log; its stdin, where one is
 * wanted, is a FIFO that `berth attach` finds.
 */
export async function createDetached(
  daemon: DaemonConnection,
  root: string,
  options: CreationOptions,
  requestFor: RequestFor,
): Promise<{ id: string }> {
  const id = await create(
    daemon,
    root,
    options,
    requestFor,
    (id, { terminal = false, log = {} }, held) => {
      const io = options.interactive ? createIoDir(root, id, held) : undefined;
      if (io !== undefined) mkfifo(`${io}/stdin`, 0o600);
      return {
        params: { stdin: io === undefined ? "" : `${io}/stdin`, terminal, log },
        undo: () => {
          if (io !== undefined) removeOwnDir(io);
        },
      };
    },
  );
  return { id };
}
