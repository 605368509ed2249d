// SPDX-License-Identifier: MIT

/** Resolves in the next turn of the event loop: input and output that are ready come first. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
