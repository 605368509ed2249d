// SPDX-License-Identifier: MIT

/**
 * Returns a function that calls `load` when it is first called, and gives every caller that result. A
 * load that fails fails for those that wait for it; the next call tries again.
 */
export function loadOnce<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () =>
    loaded ??= load().catch((error) => {
      loaded = undefined;
      throw error;
    });
}
