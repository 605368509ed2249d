// SPDX-License-Identifier: MIT
// The record of a deletion, which `delete` prints.
import { exists } from "../../linux/fs/exists.ts";
import { ifThere } from "../../linux/fs/if_there.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { writeAtomic } from "../../linux/fs/write_atomic.ts";
import { processStat } from "../../linux/process/stat.ts";
import { DeleteResponse } from "../messages/task.ts";
import type { ProcessExit } from "../../oci/process_exit.ts";
import { timestampOf } from "../messages/time.ts";
import { encode } from "../protobuf/codec.ts";

/** The exit of the container of a bundle, whose shim has deleted it. */
export interface Deleted extends ProcessExit {
  readonly pid: number;
  /** Path of the shim's socket. */
  readonly socket: string;
}

/**
 * Returns the path of the record. A file of another form has another name: the file that "berth install
 * containerd-shim" has made reads the form of its own version. `berth-deleted` was an earlier one.
 */
function recordOf(bundle: string): string {
  return `${bundle}/berth-delete-answer`;
}

/**
 * Records in a bundle that its container is deleted, so that `delete`, which containerd calls then,
 * has nothing to do but to print the record: the pid of the shim, the bytes of the response as
 * printf(1) takes them, and the path of the shim's socket. The shell in front of berth reads it, too.
 */
export function writeDeleted(bundle: string, { pid, exitStatus, exitedAt, socket }: Deleted): void {
  const bytes = encode(DeleteResponse, {
    pid,
    exit_status: exitStatus,
    exited_at: timestampOf(exitedAt),
  });
  const octal = Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  try {
    writeAtomic(recordOf(bundle), `${Deno.pid} ${octal} ${socket}\n`);
  } catch {
    // A full disk, say: then `delete` looks for itself.
  }
}

/** Removes the record, of another container before one that is made in the same bundle. */
export function removeDeleted(bundle: string): void {
  removeFile(recordOf(bundle));
}

/**
 * Returns the response to print for a bundle whose container its shim has deleted. Undefined where it
 * has not, or where the shim was killed since and has left its socket.
 */
export function readDeleted(bundle: string): Uint8Array | undefined {
  const text = ifThere(() => Deno.readTextFileSync(recordOf(bundle))) ?? "";
  const [, pid, octal = "", socket = ""] = /^(\d+) ((?:\\[0-7]{3})+) (.*)\n$/.exec(text) ?? [];
  if (pid === undefined || (exists(socket) && isDead(Number(pid)))) return undefined;
  return Uint8Array.from(octal.split("\\").slice(1), (digits) => parseInt(digits, 8));
}

function isDead(pid: number): boolean {
  const state = processStat(pid)?.state;
  return state === undefined || state === "Z" || state === "X";
}
