// SPDX-License-Identifier: MIT
// The stdio that containerd asks for.
import { parentDir } from "../../linux/fs/path_names.ts";
import { tryStat } from "../../linux/fs/try_stat.ts";
import { FILE_PREFIX, filePath } from "../../oci/bundle_layout.ts";
import type { StdioPaths } from "../../oci/bundle_layout.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";

/** The stdio of a request of containerd. */
export interface RequestedIo {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

/** A program that logs the output of a process. */
export interface LoggerTarget {
  readonly argv: readonly string[];
  /** Whether it has to say that it is ready. */
  readonly mustSay: boolean;
  /** The FIFOs that it reads. */
  readonly stdout: string;
  readonly stderr: string;
}

/** The stdio of a process as a shim has it. */
export interface TaskIo {
  readonly stdio: StdioPaths;
  /** Set where a program logs the output. */
  readonly logger?: LoggerTarget;
}

const FIFO_PREFIX = "fifo://";

/**
 * Returns the stdio as a shim has it. Stdout decides: both outputs go to the file or the program that it
 * names.
 *
 * @param prefix The beginning of the paths of the FIFOs between process and program.
 * @throws {InvalidParamsError} if stdout is a URI of an unknown kind.
 */
export function taskIo({ stdin, stdout, stderr, terminal }: RequestedIo, prefix: string): TaskIo {
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(stdout) ?? [];
  const both = (out: string, err: string): StdioPaths => ({
    stdin,
    stdout: out,
    stderr: terminal ? "" : err,
    terminal,
  });
  switch (scheme) {
    case undefined:
      return { stdio: both(plainTarget(stdout), plainTarget(stderr)) };
    case "fifo":
      return { stdio: both(fifoPath(stdout), fifoPath(stderr)) };
    case "file": {
      const target = `${FILE_PREFIX}${uriPath(stdout)}`;
      return { stdio: both(target, target) };
    }
    case "binary":
    case "binary-v2": {
      const out = `${prefix}-stdout`, err = `${prefix}-stderr`;
      const argv = [uriPath(stdout), ...uriArguments(stdout)];
      const mustSay = scheme === "binary-v2";
      return { stdio: both(out, err), logger: { argv, mustSay, stdout: out, stderr: err } };
    }
    default: {
      const message = `output to ${scheme}:// is not known`;
      throw new InvalidParamsError(`stdout: ${message}`, [{ path: "stdout", message }]);
    }
  }
}

/** Returns the target of a path without a scheme: a FIFO, or else a file or device that is there. */
function plainTarget(path: string): string {
  const found = path === "" ? undefined : tryStat(path);
  return found === undefined || found.isFifo ? path : `${FILE_PREFIX}${path}`;
}

function fifoPath(target: string): string {
  return target.startsWith(FIFO_PREFIX) ? uriPath(target) : target;
}

function uriPath(uri: string): string {
  return decodeURIComponent(uri.slice(uri.indexOf("://") + 3).replace(/[?#].*$/, ""));
}

/** Returns the query as arguments: each name, and its first value where it has one. */
function uriArguments(uri: string): string[] {
  const query = new URLSearchParams(/\?([^#]*)/.exec(uri)?.[1] ?? "");
  return [...new Set(query.keys())].flatMap((name) => [name, query.get(name) ?? ""]);
}

/** Makes the file that output goes to, with modes by which others can read it, as containerd has it. */
export function prepareTargets({ stdout }: StdioPaths): void {
  const path = filePath(stdout);
  if (path === undefined) return;
  const parent = parentDir(path);
  if (parent !== "") Deno.mkdirSync(parent, { recursive: true, mode: 0o755 });
  Deno.openSync(path, { append: true, create: true, mode: 0o644 }).close();
}
