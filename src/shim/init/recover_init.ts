// SPDX-License-Identifier: MIT
import { backoff } from "../../linux/event_loop/backoff.ts";
import type { BundleRecord } from "../../oci/bundle_layout.ts";
import { execFifoPath, fifoPassage } from "../../oci/driver/exec_fifo.ts";
import { AdoptedProcess } from "../process/adopted_process.ts";
import { readExitRecord } from "../../oci/exit_record.ts";
import type { ProcessExit } from "../../oci/process_exit.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { tryReadPidFile } from "../../oci/pid_file.ts";
import type { ProcessContext } from "../process/process_context.ts";
import { unseenExit } from "../../oci/process_exit.ts";

/** Delays between checks of an init that is about to execute its program: 1.8 s in all. */
const PASSAGE = { first: 1, most: 800, attempts: 11 };

/** The state in which a dead shim has left a container's init. */
export type RecoveredInit =
  /** No container: its create was interrupted. */
  | { readonly name: "none" }
  /** A container that a restore will bring to life. */
  | { readonly name: "restorable" }
  /** A live process, which was held while the runtime confirmed its identity. */
  | {
    readonly name: "created" | "running" | "paused";
    readonly pid: number;
    readonly process: AdoptedProcess;
  }
  | { readonly name: "stopped"; readonly pid: number; readonly exit: ProcessExit };

/**
 * Returns the state in which a dead shim has left init, without changing it.
 *
 * @throws {RuntimeError} if the runtime has to be asked and fails.
 */
export async function recoverInit(context: ProcessContext): Promise<RecoveredInit> {
  const { record, paths, runtime } = context;
  const pid = tryReadPidFile(paths.initPid);
  const recorded = readExitRecord(paths.exitRecord, record.instance);
  if (recorded !== undefined) {
    const { instance: _, pid: exitPid, ...exit } = recorded;
    return { name: "stopped", pid: exitPid, exit };
  }
  if (pid === undefined) return { name: record.checkpoint === undefined ? "none" : "restorable" };
  let status = "";
  // Before the runtime reports a process alive it compares the start time.
  const lives = async () => {
    status = (await runtime.state(record.id))?.status ?? "";
    return isAliveStatus(status);
  };
  const process = await AdoptedProcess.open(pid, context, lives);
  if (process !== undefined && isAliveStatus(status)) {
    const name = status === "created" && await finishStart(record, pid) ? "running" : status;
    return { name, pid, process };
  }
  if ((status === "" ? await runtime.state(record.id) : { status })?.status === "stopped") {
    return { name: "stopped", pid, exit: unseenExit() };
  }
  return { name: "none" };
}

/**
 * Completes the interrupted start of an init that the runtime reports as created. Returns whether there
 * was one.
 */
async function finishStart(
  { id, runtimeRoot, directStart }: BundleRecord,
  pid: number,
): Promise<boolean> {
  if (directStart !== true) return false;
  const path = execFifoPath(runtimeRoot, id);
  let passage = fifoPassage(path, pid);
  for (const delay of backoff(PASSAGE)) {
    if (passage !== "passing") break;
    await delay();
    passage = fifoPassage(path, pid);
  }
  if (passage !== "passed") return false;
  removeFile(path);
  return true;
}

function isAliveStatus(status: string): status is "created" | "running" | "paused" {
  return status === "created" || status === "running" || status === "paused";
}
