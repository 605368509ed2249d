// SPDX-License-Identifier: MIT

/**
 * Replaces {@linkcode import("./failpoint.ts").failpoint} in what ships: the minifier drops the
 * calls.
 */
export function failpoint(_name: string): void {}

/** Replaces {@linkcode import("./failpoint.ts").failpointAsync} in what ships. */
export function failpointAsync(_name: string): undefined {}
