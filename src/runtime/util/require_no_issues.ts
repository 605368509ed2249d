// SPDX-License-Identifier: MIT
import { InvalidParamsError, type ParamIssue } from "../../rpc/errors.ts";

/**
 * Checks that nothing was found wrong with the params of a call on a container.
 *
 * @param call the words of the message before `container`.
 * @throws {InvalidParamsError} with the issues, if there are any.
 */
export function requireNoIssues(
  call: "create" | "exec in" | "update",
  id: string,
  issues: readonly ParamIssue[],
): void {
  if (issues.length === 0) return;
  const why = issues
    .map(({ path, message }) => path === "" ? message : `${path}: ${message}`)
    .join("; ");
  throw new InvalidParamsError(`cannot ${call} container ${id}: ${why}`, issues, { data: { id } });
}
