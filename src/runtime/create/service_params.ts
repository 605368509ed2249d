// SPDX-License-Identifier: MIT
// Checks the params of a create about restarts and removal.
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParsedParamsOf } from "../../rpc/contract/method.ts";
import type { ParamIssue } from "../../rpc/errors.ts";

/** The params of a create that are about the container as a service. */
type ServiceParams = Pick<
  ParsedParamsOf<DaemonContract, "container.create">,
  "id" | "restart" | "autoRemove" | "removeDirs"
>;

/**
 * Checks what the schema cannot: that the params about restarts and removal fit together.
 */
export function serviceIssues(
  { id, restart, autoRemove = false, removeDirs = [] }: ServiceParams,
  root: string,
): ParamIssue[] {
  const issues = restart === undefined ? [] : restartIssues(restart);
  if (autoRemove && restart !== undefined && restart.policy !== "no") {
    const message = "a container that is restarted cannot be removed when it has exited";
    issues.push({ path: "autoRemove", message });
  }
  if (!autoRemove && removeDirs.length > 0) {
    issues.push({ path: "removeDirs", message: "is only for autoRemove" });
  }
  return [...issues, ...ownDirIssues(id, removeDirs, root)];
}

/** Checks a restart policy, as docker does. */
export function restartIssues(
  { policy, maxRetries = 0 }: NonNullable<ServiceParams["restart"]>,
): ParamIssue[] {
  if (policy === "on-failure" || maxRetries === 0) return [];
  return [{ path: "restart.maxRetries", message: "is only for the policy on-failure" }];
}

/** Checks the directories that a create gives to its container: each is the container's own. */
function ownDirIssues(id: string, dirs: readonly string[], root: string): ParamIssue[] {
  return dirs.flatMap((dir, index) => {
    const parts = dir.startsWith(`${root}/`) ? dir.slice(root.length + 1).split("/") : [];
    const isOwn = parts.length >= 3 && parts[1] === id && !parts.includes("..") &&
      // A definition goes only with all that it says, and images and networks are shared.
      !["containers", "images", "networks"].includes(parts[0] ?? "");
    return isOwn ? [] : [{
      path: `removeDirs.${index}`,
      message: `must be a directory in ${root}/<kind>/${id}`,
    }];
  });
}
