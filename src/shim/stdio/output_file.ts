// SPDX-License-Identifier: MIT
// Opens files that output is appended to.
import { parentDir } from "../../linux/fs/path_names.ts";
import { close, O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY, open } from "../../linux/fd/fd.ts";
import { isFifo } from "../../linux/fd/fifo.ts";
import { FILE_PREFIX } from "../../oci/bundle_layout.ts";
import { messageOf } from "../../error_text.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";

/**
 * Opens a file to append output to it, O_NONBLOCK. The file is made if it is missing, as are its
 * parents, as containerd does. Never waits, as it would for a FIFO.
 *
 * @throws {LinuxError} EACCES, ENOSPC, …
 * @throws {InvalidParamsError} if it is a FIFO.
 */
export function openOutputFile(path: string): number {
  const parent = parentDir(path);
  if (parent !== "") Deno.mkdirSync(parent, { recursive: true, mode: 0o700 });
  const fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o640);
  if (!isFifo(`/proc/self/fd/${fd}`)) return fd;
  close(fd);
  throw new InvalidParamsError(`${path} is a FIFO: name it without ${FILE_PREFIX}`, []);
}

/**
 * Opens the file of an output target.
 *
 * @param name of the stream, for errors.
 * @throws {InvalidParamsError} if it cannot be opened, or is a FIFO.
 */
export function openTargetFile<T>(name: string, openFile: () => T): T {
  try {
    return openFile();
  } catch (error) {
    const message = `cannot be opened: ${messageOf(error)}`;
    throw new InvalidParamsError(`${name}: ${message}`, [{ path: name, message }], {
      cause: error,
    });
  }
}
