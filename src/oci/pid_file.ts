// SPDX-License-Identifier: MIT
// Reads the pid files of OCI runtimes.
import { ifThere } from "../linux/fs/if_there.ts";
import { RuntimeError } from "../rpc/errors.ts";

/**
 * Reads the pid that the OCI runtime wrote.
 *
 * @throws {RuntimeError} if it wrote none, though it said that it had succeeded.
 */
export function readPidFile(id: string, path: string): number {
  const pid = tryReadPidFile(path);
  if (pid === undefined) {
    throw new RuntimeError(`the OCI runtime wrote no pid of container ${id} to ${path}`, {
      data: { id },
    });
  }
  return pid;
}

/** As {@linkcode readPidFile}; undefined if there is no such file, or something but a pid in it. */
export function tryReadPidFile(path: string): number | undefined {
  const text = ifThere(() => Deno.readTextFileSync(path)) ?? "";
  return /^[1-9][0-9]{0,9}$/.test(text.trim()) ? Number(text) : undefined;
}
