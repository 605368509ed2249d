// SPDX-License-Identifier: MIT
import { exists } from "../../linux/fs/exists.ts";

/**
 * A shim has little to do, and there are many: V8 starts no threads of its own, lets little garbage
 * gather (0.9 MB less where 20 containers share a shim), and compiles what is called
 * instead of loading a cache of all that ever was (0.2 MB less).
 */
const SHIM_FLAGS = ["--v8-flags=--single-threaded,--max-semi-space-size=1", "--no-code-cache"];

/**
 * The command that runs this very berth, to which arguments are added: the compiled executable, or
 * Deno with the module that was started. Where that has been removed meanwhile, as the portable
 * form's unpacked files may be, it is the file that they came from, which unpacks them again.
 */
export function selfCommand(): string[] {
  return command([], (main) => main);
}

/** {@linkcode selfCommand} for a shim: `shim serve …` is what is added. */
export function selfShimCommand(): string[] {
  return command(SHIM_FLAGS, (main) => {
    // The bundle has the shim in a file of its own too, which takes a megabyte less.
    const shim = main.replace(/\/main\.js$/, "/shim.js");
    return exists(shim) ? shim : main;
  });
}

function command(flags: readonly string[], moduleOf: (main: string) => string): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const main = decodeURIComponent(new URL(Deno.mainModule).pathname);
  const file = portableFile();
  if (file !== undefined && !(exists(main) && exists(Deno.execPath()))) return [file];
  return [Deno.execPath(), "run", "-A", ...flags, moduleOf(main)];
}

/** The file that a person would run: the executable, or where it is usually put. */
export function programPath(): string {
  return Deno.build.standalone ? Deno.execPath() : portableFile() ?? "/usr/local/bin/berth";
}

/** The portable file that this process comes from; not a link to it, whose name chooses a role. */
function portableFile(): string | undefined {
  const file = Deno.env.get("BERTH_FILE");
  return file === undefined || !exists(file) ? file : Deno.realPathSync(file);
}
