// SPDX-License-Identifier: MIT
// The commands that run this berth again.
import { exists } from "../../linux/fs/exists.ts";

/** The flag of V8 by which a daemon or a shim can trim its memory. */
const EXPOSE_GC = "--expose-gc";

/**
 * V8 would let 12 MB more of garbage gather before it looks, after 20,000 calls, 500 at a time, and is no
 * faster for it. With 4 it has 15 MB less then, but a call takes 5 to 7 % more CPU on one connection and
 * 40 % on 64: much of what calls need for a moment is moved to the old generation. Not
 * `--optimize-for-size` too: it leaves a daemon with 6 to 17 MB less after those calls, but takes 3 to
 * 6 % more CPU for a call on one connection, and 10 to 22 % on 64.
 */
export const V8_FLAGS = `--v8-flags=--max-semi-space-size=8,${EXPOSE_GC}`;

/** The flags of `deno run` for the sources; what berth may do is what root may. */
const SOURCE_FLAGS = [
  "--quiet",
  // Not narrower: Deno opens files below /proc and /sys only with all permissions.
  "--allow-all",
];

/**
 * The flags of `deno run` for a bundle of berth, in every place that starts one. A bundle needs
 * nothing of what the last four turn off, and without them a `deno.json` in any directory above it
 * would be obeyed.
 */
export const BUNDLE_FLAGS: readonly string[] = [
  ...SOURCE_FLAGS,
  "--no-config",
  "--no-lock",
  "--no-remote",
  "--no-npm",
];

/**
 * A shim has little to do, and there are many: V8 lets little garbage gather (0.9 MB less where 20
 * containers share a shim), collects it without threads of its own, and compiles what is called instead
 * of loading a cache of all that ever was (0.2 MB less). Not `--single-threaded`: without its two to
 * four threads, 0.1 to 0.2 MB, V8 never gives a page back that it has freed, and a shim has 44 MB after
 * 3,000 execs in place of 22.
 */
const SHIM_V8_FLAGS = `--v8-flags=--single-threaded-gc,--max-semi-space-size=1,${EXPOSE_GC}`;

/**
 * A process that is one shim of containerd after the other calls its functions often enough for V8 to
 * compile them, and would keep that code and what belongs to it: 1.9 MB after 12 shims. A life takes a
 * quarter less of the shims' processor time where V8 only interprets, and output is copied as fast. The
 * cache of integers as text would take 128 KB of that.
 */
const CONTAINERD_SHIM_V8_FLAGS =
  `${SHIM_V8_FLAGS},--no-sparkplug,--no-maglev,--no-turbofan,--smi-string-cache-size=512`;

/** The flag of `deno run` that keeps V8's code out of files. */
const NO_CODE_CACHE = "--no-code-cache";

/**
 * Returns the command that runs this very berth, to which arguments are added: the compiled
 * executable, or Deno with the module that was started. Where that module has been removed
 * meanwhile, as the portable form's unpacked files may be, it is the file that they came from, which
 * unpacks them again.
 */
export function selfCommand(): string[] {
  return command([V8_FLAGS], (main) => main);
}

/** Returns {@linkcode selfCommand} for a shim: `shim serve …` is what is added. */
export function selfShimCommand(): string[] {
  return command([SHIM_V8_FLAGS, NO_CODE_CACHE], (main) => {
    // The bundle has the shim in a file of its own too, which takes a megabyte less.
    const shim = main.replace(/\/main\.js$/, "/shim.js");
    return exists(shim) ? shim : main;
  });
}

/** Returns {@linkcode selfCommand} for a shim of containerd, with all arguments but its own. */
export function selfContainerdShimCommand(): string[] {
  let own = false;
  const words = command([CONTAINERD_SHIM_V8_FLAGS, NO_CODE_CACHE], (main) => {
    const shim = main.replace(/\/main\.js$/, "/containerd_shim.js");
    own = shim !== main && exists(shim);
    return own ? shim : main;
  });
  return own ? words : [...words, "containerd-shim"];
}

function command(flags: readonly string[], moduleOf: (main: string) => string): string[] {
  if (Deno.build.standalone) return [executable()];
  const main = decodeURIComponent(new URL(Deno.mainModule).pathname);
  const file = portableFile();
  if (file !== undefined && !exists(main)) return [file];
  const common = main.endsWith(".js") ? BUNDLE_FLAGS : SOURCE_FLAGS;
  return [executable(), "run", ...common, ...flags, moduleOf(main)];
}

/**
 * Returns the executable of this process. Once its file has been removed or replaced, as an upgrade
 * does, no path leads to it, but the kernel keeps it: the link then says "(deleted)" and still
 * opens it (proc_pid_exe(5)). A child that is about to execute it has the same one.
 */
function executable(): string {
  const path = Deno.readLinkSync(PROC_EXE);
  return path.endsWith(" (deleted)") ? PROC_EXE : path;
}

const PROC_EXE = "/proc/self/exe";

/** Returns the file that a person would run: the executable, or where it is usually put. */
export function programPath(): string {
  return Deno.build.standalone ? Deno.execPath() : portableFile() ?? "/usr/local/bin/berth";
}

/**
 * Returns the command that runs berth whatever version is installed then, to which arguments are
 * added: the portable file itself, where the others are.
 */
export function installedCommand(): string[] {
  const file = portableFile();
  return file === undefined ? selfCommand() : [file];
}

/**
 * Returns the portable file that this process comes from; not a link to it, whose name chooses a
 * role.
 */
function portableFile(): string | undefined {
  const file = Deno.env.get("BERTH_FILE");
  return file === undefined || !exists(file) ? file : Deno.realPathSync(file);
}
