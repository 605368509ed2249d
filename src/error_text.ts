// SPDX-License-Identifier: MIT
// Texts for messages: of whatever was thrown, and of what may be long.

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

/** Returns a text of at most `max` UTF-16 units whole, and the beginning of a longer one. */
export function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}…`;
}
