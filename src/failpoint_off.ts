// SPDX-License-Identifier: MIT
// Stands in for `failpoint.ts` in what ships.

/**
 * Replaces {@linkcode import("./failpoint.ts").failpoint} in what ships. The build then drops each call
 * and this function with it (`scripts/build/bundle.ts`).
 */
export function failpoint(_name: string): void {}

/** Replaces {@linkcode import("./failpoint.ts").failpointAsync} in what ships. */
export function failpointAsync(_name: string): undefined {}
