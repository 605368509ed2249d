// SPDX-License-Identifier: MIT
import { lazyLibc } from "./libc.ts";

const libc = lazyLibc({
  malloc_trim: { parameters: [/* size_t pad */ "usize"], result: "i32" },
});

/** The collector of garbage that V8 exposes with its flag `--expose-gc`. */
declare const gc:
  | ((how: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void)
  | undefined;

/**
 * Gives back the memory that this process has no use for: collects all garbage, if V8 runs with
 * `--expose-gc`, compacts the heap, and returns what malloc holds free (malloc_trim(3)). Takes some
 * 15 ms of a small process.
 */
export function trimMemory(): void {
  // Another flavor leaves the young generation as large as it has grown.
  if (typeof gc === "function") gc({ type: "major", execution: "sync", flavor: "last-resort" });
  libc().malloc_trim(0n);
}
