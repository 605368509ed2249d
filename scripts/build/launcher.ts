// SPDX-License-Identifier: MIT
import { BUNDLE_FLAGS, V8_FLAGS } from "../../src/runtime/process/self_command.ts";

/** The flags that Deno runs berth's bundle with, as daemon or command. */
export const RUN_FLAGS: readonly string[] = ["run", ...BUNDLE_FLAGS, V8_FLAGS];

/**
 * Lines of a shell script that set `$berth_lazy` to one more flag: Deno reads a chunk when it is imported,
 * and not all that may be imported at the start, which takes a command 7 ms. Not for a daemon or a
 * shim, which go on where the files are removed.
 */
export const SET_LAZY = `berth_lazy=--unstable-lazy-dynamic-imports
for berth_word in "\${0##*/}" "$@"; do
  case $berth_word in daemon | berthd | *shim) berth_lazy= ;; esac
done`;

/** Where the program will be run, if that is another machine. */
export interface LauncherPlace {
  /** Path of Deno there. */
  readonly deno: string;
  /** Where the bundle's directory will be there. */
  readonly dir: string;
}

/**
 * Writes an executable file `berth` beside the bundle's `main.js` that runs it with this Deno, for
 * tests and the demo. Returns its path. What is shipped is made by `build.ts`.
 */
export async function writeLauncher(main: string, place?: LauncherPlace): Promise<string> {
  const dir = main.slice(0, main.lastIndexOf("/"));
  const path = `${dir}/berth`;
  const deno = place?.deno ?? Deno.execPath();
  const flags = [deno, ...RUN_FLAGS].map(quote).join(" ");
  const text = `#!/bin/sh
case \${0##*/}:\${1:-} in
  *:daemon | containerd-shim-*) export BERTH_NOFILE="$(ulimit -Sn)" ;;
esac
export BERTH_ARGV0="$0" DENO_NO_UPDATE_CHECK=1
${SET_LAZY}
exec ${flags} $berth_lazy ${quote(`${place?.dir ?? dir}${main.slice(dir.length)}`)} "$@"
`;
  await Deno.writeTextFile(path, text, { mode: 0o755 });
  return path;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
