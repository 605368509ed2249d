// SPDX-License-Identifier: MIT

/**
 * Replaces {@linkcode import("./failpoint.ts").failpoint} in what ships. In the shims' files the
 * minifier drops the calls; in the chunks of the daemon a call of an empty function is left.
 */
export function failpoint(_name: string): void {}

/** Replaces {@linkcode import("./failpoint.ts").failpointAsync} in what ships. */
export function failpointAsync(_name: string): undefined {}
