// SPDX-License-Identifier: MIT
import { isGone } from "../../linux/cgroup/files.ts";
import { errnoNameOf } from "../../linux/libc/errno.ts";
import { tryStat } from "../../linux/fs/try_stat.ts";
import { mountIdOf } from "../../linux/mount/mount_id.ts";
import { processStat } from "../../linux/process/stat.ts";
import { readJson, writeJsonAtomic } from "../../oci/json_file.ts";

/** The file in a checkpoint that says which of its open files are which standard stream. */
const FILE = "berth-stdio.json";

/** An open file of a container from outside of it. */
export interface ExternalFile {
  /** The standard stream that it is, as an fd. */
  readonly stream?: number | undefined;
  /** Its permissions; undefined in a checkpoint of a berth that did not write them. */
  readonly mode?: number | undefined;
}

/** Open files of a container from outside of it, by CRIU's key of each. */
export type ExternalFiles = ReadonlyMap<string, ExternalFile>;

/**
 * Finds the open files and FIFOs of these processes whose mount is not in the container, which CRIU
 * cannot look up there: the other ends of its stdio. Whatever fd has it, a file that is at one of
 * `streams` is stdin, stdout or stderr; another is what it is to a process that has it so.
 *
 * @param pids the container's processes, init first; those that do not descend from it are left out.
 * @param streams paths of the three files; `""` where there is none.
 */
export function findExternalFiles(
  pids: readonly number[],
  streams: readonly string[],
): ExternalFiles {
  const found = new Map<string, ExternalFile>();
  const known = streams.map((path) => path === "" ? undefined : tryStat(path));
  for (const pid of treeOf(pids)) {
    const mounts = mountIds(pid);
    for (const fd of fdsOf(pid)) {
      const file = readOrNothing(() => lookAt(pid, fd));
      if (file === undefined || mounts.has(file.mount)) continue;
      const key = `file[${file.mount.toString(16)}:${file.inode.toString(16)}]`;
      const stream = known.findIndex((stat) => stat?.ino === file.inode && stat.dev === file.dev);
      const likely = fd <= 2 ? fd : undefined;
      found.set(key, {
        stream: stream >= 0 ? stream : found.get(key)?.stream ?? likely,
        mode: file.mode,
      });
    }
  }
  return found;
}

/** Writes into a checkpoint which of its external files is which stream. */
export function writeExternalFiles(checkpoint: string, files: ExternalFiles): void {
  writeJsonAtomic(`${checkpoint}/${FILE}`, Object.fromEntries(files));
}

/** Returns those external files of a checkpoint that are a standard stream. */
export function readExternalFiles(
  checkpoint: string,
): Map<string, ExternalFile & { readonly stream: number }> {
  const files = readJson<Record<string, number | ExternalFile>>(`${checkpoint}/${FILE}`) ?? {};
  const found = new Map<string, ExternalFile & { readonly stream: number }>();
  for (const [key, value] of Object.entries(files)) {
    const { stream, mode }: ExternalFile = typeof value === "number" ? { stream: value } : value;
    if (stream !== undefined) found.set(key, { stream, mode });
  }
  return found;
}

/** The first of these processes and its descendants, which CRIU dumps; execs are none of them. */
function treeOf(pids: readonly number[]): ReadonlySet<number> {
  const parents = new Map(pids.map((pid) => [pid, processStat(pid)?.parent]));
  const tree = new Set(pids.slice(0, 1));
  for (let size = 0; size < tree.size;) {
    size = tree.size;
    for (const [pid, parent] of parents) {
      if (parent !== undefined && tree.has(parent)) tree.add(pid);
    }
  }
  return tree;
}

/** Ids of the mounts that a process sees (proc_pid_mountinfo(5)). */
function mountIds(pid: number): ReadonlySet<number> {
  const text = readOrNothing(() => Deno.readTextFileSync(`/proc/${pid}/mountinfo`)) ?? "";
  return new Set([...text.matchAll(/^\d+/gm)].map(([id]) => Number(id)));
}

function fdsOf(pid: number): number[] {
  const entries = readOrNothing(() => [...Deno.readDirSync(`/proc/${pid}/fd`)]) ?? [];
  return entries.map(({ name }) => Number(name)).sort((a, b) => a - b);
}

/**
 * Returns the mount and inode of an open file; undefined unless it is a file or a FIFO with a name.
 */
function lookAt(pid: number, fd: number) {
  const link = Deno.readLinkSync(`/proc/${pid}/fd/${fd}`);
  // "pipe:[1]" and the like have no path; CRIU knows what to do with them, as with memfds.
  if (!link.startsWith("/") || link.startsWith("/memfd:")) return undefined;
  const { isFile, isFifo, ino, dev, mode } = Deno.statSync(`/proc/${pid}/fd/${fd}`);
  if (!isFile && !isFifo) return undefined;
  const mount = mountIdOf(fd, pid);
  return { mount, inode: ino ?? 0, dev, mode: permissions(mode) };
}

/** Returns the part of a file's mode that says who may read, write and execute it. */
export function permissions(mode: number | null): number | undefined {
  return mode === null ? undefined : mode & 0o777;
}

/**
 * Returns the result of `look` below /proc; undefined where the process or the fd is gone. Of a
 * process that has ended and is not reaped, the kernel refuses to open some files with EINVAL, such
 * as `mountinfo`.
 */
export function readOrNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const name = errnoNameOf(error);
    if (isGone(error) || name === "ESRCH" || name === "EINVAL") return undefined;
    throw error;
  }
}
