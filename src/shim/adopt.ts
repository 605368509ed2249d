// SPDX-License-Identifier: MIT
import type { EventBuffer, ShimEventDraft } from "./event_buffer.ts";
import type { ExecRecord } from "./exec/exec_record.ts";
import { readExecRecords } from "./exec/exec_record.ts";
import type { Execs } from "./exec/execs.ts";
import type { InitProcess } from "./init/init_process.ts";
import type { ProcessExit } from "../oci/process_exit.ts";
import type { ProcessHandle } from "./process/signal.ts";
import type { ProcessContext } from "./process/process_context.ts";

/** The parts of a shim that {@linkcode adoptBundle} fills. */
export interface AdoptOptions {
  readonly context: ProcessContext;
  readonly init: InitProcess;
  readonly execs: Execs;
  readonly events: EventBuffer;
  /** Watches an init that is alive. */
  readonly watchInit: (watched: ProcessHandle) => void;
  /** Handles the exit of an init that is not. */
  readonly initEnded: (exit: ProcessExit) => void;
}

/** Sequence numbers: the `create` event is always the first of a shim, `start` the second. */
const CREATE_SEQ = 1, START_SEQ = 2;

/**
 * Takes over the container that a dead shim has left. Publishes again the events that the dead shim
 * may not have delivered. Their sequence numbers can be derived, so the daemon gets each event only if
 * it lacks it.
 */
export async function adoptBundle(options: AdoptOptions): Promise<void> {
  const { context, init, execs, events } = options;
  events.pause();
  const found = await init.adopt();
  if (init.state.name === "none") return;
  const records = readExecRecords(context.paths.dir);
  events.publish({ type: "create", pid: init.pid }, CREATE_SEQ);
  if (init.state.name === "running" || init.state.name === "paused") {
    events.publish({ type: "start", pid: init.pid }, START_SEQ);
  }
  for (const [was, event] of eventsOf(records)) events.publish(event, was);
  for (const record of records) await execs.adopt(record);
  if (found.exit !== undefined) options.initEnded(found.exit);
  else if (found.watched !== undefined) options.watchInit(found.watched);
}

/** Returns the events of execs that were, or should have been, published, in order. */
function eventsOf(records: readonly ExecRecord[]): [was: number | undefined, ShimEventDraft][] {
  const events: [number | undefined, ShimEventDraft][] = [];
  for (const { execId, pid, startedSeq, exit, exitSeq } of records) {
    events.push([startedSeq === undefined ? undefined : startedSeq - 1, {
      type: "exec-added",
      pid,
      execId,
    }]);
    events.push([startedSeq, { type: "exec-started", pid, execId }]);
    if (exit !== undefined) events.push([exitSeq, { type: "exit", pid, execId, ...exit }]);
  }
  return events.sort(([a = Infinity], [b = Infinity]) => a === b ? 0 : a - b);
}
