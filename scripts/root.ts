// SPDX-License-Identifier: MIT

/** The repository's root directory. */
export const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
