// SPDX-License-Identifier: MIT
import type { StdioPaths } from "../../oci/bundle_layout.ts";
import { readJson, writeJsonAtomic } from "../../oci/json_file.ts";
import type { ProcessExit } from "../../oci/process_exit.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";

/** The facts of an exec that an adopting shim needs. Each exec has one file until it is deleted. */
export interface ExecRecord {
  readonly execId: string;
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat (proc_pid_stat(5)); 0 if it had ended by then. */
  readonly startTime: number;
  readonly stdio: StdioPaths;
  /** Number of its `exec-started` event, if that was known. */
  readonly startedSeq?: number | undefined;
  readonly exit?: ProcessExit;
  /** Number of its `exit` event, if that was known. */
  readonly exitSeq?: number | undefined;
}

const NAME = /^execution-.*\.json$/;

function path(dir: string, execId: string): string {
  return `${dir}/execution-${execId}.json`;
}

/** Writes the record of one exec into the bundle `dir`. */
export function writeExecRecord(dir: string, record: ExecRecord): void {
  writeJsonAtomic(path(dir, record.execId), record);
}

/** Removes it; it may be gone. */
export function removeExecRecord(dir: string, execId: string): void {
  removeFile(path(dir, execId));
}

/**
 * Returns every record in the bundle `dir`, in the order of the execs' starts as far as that is
 * known.
 */
export function readExecRecords(dir: string): ExecRecord[] {
  return Array.from(Deno.readDirSync(dir))
    .filter(({ name }) => NAME.test(name))
    .flatMap(({ name }) => readJson<ExecRecord>(`${dir}/${name}`) ?? [])
    .sort((a, b) => (a.startedSeq ?? Infinity) - (b.startedSeq ?? Infinity));
}
