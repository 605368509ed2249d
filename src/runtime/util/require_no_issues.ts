// SPDX-License-Identifier: MIT
import type { ParamIssue } from "../../rpc/errors.ts";

/** Returns the part of a message that names what does not fit. */
export function describeIssues(issues: readonly ParamIssue[]): string {
  return issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`).join(
    "; ",
  );
}
