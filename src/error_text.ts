// SPDX-License-Identifier: MIT
// The text of whatever was thrown.

/** Returns the message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns the stack of whatever was thrown and of its causes, for a log; never for a wire. */
export function stackOf(error: unknown): string {
  const stacks: string[] = [];
  const seen = new Set<unknown>();
  for (let at = error; at !== undefined && !seen.has(at);) {
    seen.add(at);
    stacks.push(at instanceof Error ? at.stack ?? `${at}` : String(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return stacks.join("\ncaused by ");
}
