// SPDX-License-Identifier: MIT
// Checks the paths that a client gives before anything is touched.
import { isNullDevice } from "../../linux/fs/device_numbers.ts";
import { cleanPath } from "../../linux/fs/path_names.ts";
import { tryStat } from "../../linux/fs/try_stat.ts";
import { errnoNameOf, leadsNowhere } from "../../linux/libc/errno.ts";
import { endInRoot } from "../../linux/mount/end_in_root.ts";
import { FILE_PREFIX, filePath, type RootfsMountRecord } from "../../oci/bundle_layout.ts";
import type { ParamIssue } from "../../rpc/errors.ts";
import { isRecord } from "../../rpc/is_record.ts";

/** Checks the stdio of a create or an exec: each FIFO must be there and be one. */
export function stdioIssues(
  stdio: { readonly [name in "stdin" | "stdout" | "stderr"]?: string | undefined },
): ParamIssue[] {
  const issues: ParamIssue[] = [];
  for (const name of ["stdin", "stdout", "stderr"] as const) {
    const target = stdio[name] ?? "";
    const file = filePath(target);
    const path = file ?? target;
    if (!path.startsWith("/")) continue;
    const fifo = tryStat(path)?.isFifo;
    if (file !== undefined && fifo === true) {
      issues.push({ path: name, message: `${path} is a FIFO: name it without ${FILE_PREFIX}` });
    } else if (file === undefined && fifo !== true) {
      const message = fifo === false
        ? `${path} is not a FIFO (a file is ${FILE_PREFIX}${path})`
        : `there is no FIFO ${path}`;
      issues.push({ path: name, message });
    }
  }
  return issues;
}

/** Returns an issue if a bind mount's source does not exist. */
export function sourceIssues(
  mount: RootfsMountRecord,
  path: string,
): ParamIssue[] {
  if (!isOciBind(mount)) return [];
  try {
    Deno.statSync(mount.source);
  } catch (error) {
    if (leadsNowhere(error)) return [{ path, message: `there is no ${mount.source}` }];
    // Others, EACCES of a FUSE filesystem say, need not keep it from being mounted.
  }
  return [];
}

/** Returns whether a mount of a spec, or of a root filesystem, is a bind mount. */
export function isOciBind(
  { type, options }: { readonly type?: unknown; readonly options?: unknown },
): boolean {
  return type === "bind" || type === "none" ||
    Array.isArray(options) && options.some((option) => option === "bind" || option === "rbind");
}

/**
 * Returns an issue for each file that is to be mounted at `/dev/null`: runc 1.1 takes what is there for
 * the null device, and writes the container's output into the file.
 *
 * @param root the root filesystem, where that is a directory: links in it are followed.
 */
export function mountIssues(mounts: unknown, root: string | undefined): ParamIssue[] {
  const list: readonly unknown[] = Array.isArray(mounts) ? mounts : [];
  return list.flatMap((mount, index) => {
    if (!isRecord(mount) || !isOciBind(mount)) return [];
    const { source, destination } = mount;
    if (typeof source !== "string" || typeof destination !== "string") return [];
    // No other source is looked at: it may be on a file system that answers nobody.
    const end = whereItEnds(root, destination);
    if (end !== "/dev/null") return [];
    const info = tryStat(source);
    if (info === undefined || info.isDirectory || isNullDevice(info)) return [];
    const message = `leads to ${end}, which has to be the null device`;
    return [{ path: `spec.mounts.${index}.destination`, message }];
  });
}

/** Follows the links of a destination. What cannot be looked at is left to the OCI runtime. */
function whereItEnds(root: string | undefined, destination: string): string | undefined {
  try {
    return root === undefined ? cleanPath(destination) : endInRoot(root, destination);
  } catch (error) {
    if (errnoNameOf(error) === undefined) throw error;
    return undefined;
  }
}

/** Returns an issue if there is no directory of the checkpoint to restore. */
export function checkpointIssues(checkpoint: string | undefined): ParamIssue[] {
  if (checkpoint === undefined) return [];
  try {
    if (Deno.statSync(checkpoint).isDirectory) return [];
  } catch (error) {
    if (!leadsNowhere(error)) throw error;
  }
  return [{ path: "checkpoint", message: `there is no directory ${checkpoint}` }];
}
