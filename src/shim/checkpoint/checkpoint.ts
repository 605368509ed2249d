// SPDX-License-Identifier: MIT
// Tells CRIU what it has to know for a checkpoint or a restore.
import { tryStat } from "../../linux/fs/try_stat.ts";
import { isExhausted } from "../../linux/libc/errno.ts";
import { readJson } from "../../oci/json_file.ts";
import type { BundlePaths, BundleRecord } from "../../oci/bundle_layout.ts";
import { writeExtraCriuConfig, writeNamedCriuConfig } from "../../oci/driver/criu_config.ts";
import { cgroupOfPath } from "../../oci/spec/cgroups_path.ts";
import { messageOf } from "../../error_text.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { isRecord } from "../../rpc/is_record.ts";
import type { StdioFds } from "../stdio/stdio.ts";
import type { ExternalFile } from "./external_files.ts";
import {
  findExternalFiles,
  permissions,
  readExternalFiles,
  readOrNothing,
  writeExternalFiles,
} from "./external_files.ts";

/** The container that is checkpointed, or restored. */
interface Checkpointed {
  readonly record: Pick<BundleRecord, "id" | "stdio">;
  readonly paths: BundlePaths;
}

/**
 * Tells CRIU which open files of the container are outside of it: the other ends of its stdio.
 * Writes into the checkpoint which these are.
 *
 * The runtime need not know of it: crun 1.21 was seen to hand CRIU no file that a spec names, and the
 * spec may name one of the user's.
 *
 * @param pids the container's processes, init first.
 * @throws {FailedPreconditionError} if the directory cannot be written, but for want of room, and if
 *   two files outside are the same stream.
 */
export function prepareCheckpoint(
  { record, paths }: Checkpointed,
  pids: readonly number[],
  checkpoint: string,
): void {
  const files = findExternalFiles(pids, streamPaths(record, paths));
  const streams = [...files.values()].flatMap(({ stream }) => stream ?? []);
  if (new Set(streams).size < streams.length) {
    // CRIU takes each fd once.
    throw new FailedPreconditionError(
      `container ${record.id}: a process that a "berth exec" has left in it has that command's ` +
        "output open, which cannot be restored: end the process first",
      { data: { id: record.id } },
    );
  }
  writeNamedCriuConfig(paths.criuConfig);
  writeExtraCriuConfig(paths.criuExtra, { external: [...files.keys()] });
  // Before the runtime writes there: whatever is killed when, a whole checkpoint has it.
  try {
    Deno.mkdirSync(checkpoint, { recursive: true, mode: 0o700 });
    writeExternalFiles(checkpoint, files);
  } catch (error) {
    if (isExhausted(error)) throw error;
    throw new FailedPreconditionError(
      `container ${record.id}: cannot write its checkpoint: ${messageOf(error)}`,
      { cause: error, data: { id: record.id } },
    );
  }
}

/**
 * Tells CRIU which files take the places of those of the checkpoint, and which is the cgroup.
 *
 * @param fds the restored container's stdio; undefined with a terminal.
 */
export function prepareRestore(
  { paths }: Checkpointed,
  fds: StdioFds | undefined,
  checkpoint: string,
): void {
  writeNamedCriuConfig(paths.criuConfig);
  const files = readExternalFiles(checkpoint);
  const cgroupRoot = ownCgroup(paths);
  writeExtraCriuConfig(paths.criuExtra, {
    ...cgroupRoot !== undefined && { cgroupRoot },
    inherit: new Map(Array.from(files, ([key, { stream }]) => [key, stream])),
    skipModes: [...files.values()].some((file) => differs(file, fds)),
  });
}

/**
 * Checks that a restored process is in the cgroup that its spec names: in that of the container which
 * was checkpointed, whatever is done to the one would be done to the other.
 *
 * @throws {FailedPreconditionError} naming the cgroup that it is in instead.
 */
export function checkRestoredCgroup({ record: { id }, paths }: Checkpointed, pid: number): void {
  const own = ownCgroup(paths);
  if (own === undefined) return;
  const foreign = cgroupsOf(pid).find((path) => path !== "/" && !`${path}/`.startsWith(`${own}/`));
  if (foreign === undefined) return;
  throw new FailedPreconditionError(
    `container ${id}: CRIU has restored it into the cgroup ${foreign}, which is not its own ` +
      `(${own}), so it was killed; restore it under the id that was checkpointed`,
    { data: { id } },
  );
}

/** Returns whether the file that takes the place of one of the checkpoint has other permissions. */
function differs({ stream, mode }: ExternalFile, fds: StdioFds | undefined): boolean {
  if (stream === undefined || mode === undefined || fds === undefined) return false;
  const fd = [fds.stdin, fds.stdout, fds.stderr][stream];
  return fd !== undefined && permissions(Deno.statSync(`/proc/self/fd/${fd}`).mode) !== mode;
}

/**
 * Returns the paths of the three files that are the container's stdio; `""` where there is none.
 */
function streamPaths({ stdio }: Checkpointed["record"], { dir }: BundlePaths): string[] {
  const copied = (stream: "stdout" | "stderr") => {
    const fifo = `${dir}/init-${stream}.fifo`;
    return tryStat(fifo) === undefined ? stdio[stream] : fifo;
  };
  return [stdio.stdin, copied("stdout"), copied("stderr")];
}

/** Returns the cgroup that the bundle's spec names, where it can be told. */
function ownCgroup(paths: BundlePaths): string | undefined {
  const spec = readJson<Record<string, unknown>>(paths.config);
  const linux = spec?.["linux"];
  const path = isRecord(linux) ? linux["cgroupsPath"] : undefined;
  return typeof path === "string" ? cgroupOfPath(path) : undefined;
}

/**
 * Returns the process's cgroup in each hierarchy (proc_pid_cgroup(5)); none of one that has ended.
 */
function cgroupsOf(pid: number): string[] {
  const text = readOrNothing(() => Deno.readTextFileSync(`/proc/${pid}/cgroup`)) ?? "";
  return [...text.matchAll(/^\d+:[^:\n]*:(.*)$/gm)].map(([, path = ""]) => path);
}
