// SPDX-License-Identifier: MIT
/**
 * The public face of berth: what a program needs to use a berth daemon. Run as a program it is berth
 * itself, whose role argv tells (see `src/main.ts`).
 *
 * @module
 */
export * from "./src/client/mod.ts";

if (import.meta.main) {
  const { main } = await import("./src/main.ts");
  const status = await main();
  if (status !== undefined) Deno.exit(status);
}
