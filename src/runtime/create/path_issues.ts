// SPDX-License-Identifier: MIT
// What is wrong with paths that a client gives: a check before anything is touched.
import { tryStat } from "../../linux/fs/try_stat.ts";
import { leadsNowhere } from "../../linux/libc/errno.ts";
import { FILE_PREFIX, filePath } from "../../oci/bundle_layout.ts";
import type { RootfsMountRecord } from "../../oci/bundle_layout.ts";
import type { ParamIssue } from "../../rpc/errors.ts";

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
  const bind = mount.type === "bind" || mount.type === "none" ||
    mount.options?.some((option) => option === "bind" || option === "rbind");
  if (!bind) return [];
  try {
    Deno.statSync(mount.source);
  } catch (error) {
    if (leadsNowhere(error)) return [{ path, message: `there is no ${mount.source}` }];
    // Others, EACCES of a FUSE filesystem say, need not keep it from being mounted.
  }
  return [];
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
