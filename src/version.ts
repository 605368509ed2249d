// SPDX-License-Identifier: MIT

/** berth's version, as in deno.json; a test compares the two. */
export const VERSION = "0.1.0";

/** Version of what daemon and shim say to each other; raised when an old shim would misunderstand. */
export const PROTOCOL = 1;
