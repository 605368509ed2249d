// SPDX-License-Identifier: MIT

/** V8 would let 50 MB more of garbage gather before it looks, and is no faster for it. */
export const V8_FLAGS = "--v8-flags=--max-semi-space-size=4";

/** The flags that berth's bundle is run with; what it may do is what root may. */
export const RUN_FLAGS: readonly string[] = [
  "run",
  "--quiet",
  // Not narrower: Deno opens files below /proc and /sys only with all permissions.
  "--allow-all",
  V8_FLAGS,
  // A bundle needs none of these, and without them Deno does not look for them.
  "--no-config",
  "--no-lock",
  "--no-remote",
  "--no-npm",
];

/**
 * Writes an executable file `berth` beside the bundle's `main.js` that runs it with this Deno, for
 * tests and the demo. Answers its path. What is shipped is made by `build.ts`.
 */
export async function writeLauncher(main: string): Promise<string> {
  const path = `${main.slice(0, main.lastIndexOf("/"))}/berth`;
  const argv = [Deno.execPath(), ...RUN_FLAGS, main];
  const text = `#!/bin/sh
export BERTH_ARGV0="$0" DENO_NO_UPDATE_CHECK=1
exec ${argv.map(quote).join(" ")} "$@"
`;
  await Deno.writeTextFile(path, text, { mode: 0o755 });
  return path;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
