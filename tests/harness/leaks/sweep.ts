// SPDX-License-Identifier: MIT
import { until } from "../poll.ts";
import { processesOf } from "../processes.ts";
import { baseName } from "../run.ts";
import { cgroupPids, cgroupsOf, mountsOf } from "./traces.ts";

/** The things that {@linkcode sweep} removes. */
export interface SweepOptions {
  /** The directory to remove; its name must occur nowhere else on this machine. */
  readonly dir: string;
  /** The cgroup below each hierarchy's root to empty and remove, such as `berth-test-1f/d-2a`. */
  readonly cgroup: string;
  /** Whether the files in the directory stay, to be looked at. */
  readonly keepFiles?: boolean;
}

/**
 * Ends and removes all that has to do with one directory, however it got there: processes, mounts,
 * cgroups, files. It hides leaks, so what a test claims about them is asserted before. Returns the
 * command lines of the processes that it ended.
 */
export async function sweep(options: SweepOptions): Promise<string[]> {
  const { dir, cgroup } = options;
  const marker = baseName(dir);
  const ended = new Map<number, string>();
  await until(`an end of the processes of ${dir}`, () => {
    const alive = processesOf(marker).filter(({ state }) => state !== "Z");
    const pids = new Set(cgroupsOf(cgroup).flatMap(cgroupPids));
    for (const { pid, command } of alive) {
      pids.add(pid);
      if (!ended.has(pid)) ended.set(pid, command);
    }
    for (const dir of cgroupsOf(cgroup)) thaw(dir);
    for (const pid of pids) kill(pid);
    return pids.size === 0;
  });
  for (const path of mountsOf(marker)) await unmount(path);
  await removeCgroups(cgroup);
  if (options.keepFiles) return [...ended.values()];
  try {
    await Deno.remove(dir, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return [...ended.values()];
}

/** Removes the cgroups below each hierarchy's `name`, which are empty or about to be, and itself. */
export async function removeCgroups(name: string): Promise<void> {
  await until(`removal of the cgroups ${name}`, () => {
    for (const path of cgroupsOf(name)) removeCgroup(path);
    return cgroupsOf(name).length === 0;
  });
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself; if not, the next look finds it again.
  }
}

/** A frozen process does not die before it is thawed (cgroup v1, freezer-subsystem.rst). */
function thaw(dir: string): void {
  for (const [file, value] of [["freezer.state", "THAWED"], ["cgroup.freeze", "0"]] as const) {
    try {
      Deno.statSync(`${dir}/${file}`);
      Deno.writeTextFileSync(`${dir}/${file}`, value, { create: false });
    } catch {
      // Not a freezer, or gone.
    }
  }
}

function removeCgroup(dir: string): void {
  try {
    Deno.removeSync(dir);
  } catch {
    // Busy until the kernel has let go of the last process; tried again.
  }
}

async function unmount(path: string): Promise<void> {
  for (const flags of [[], ["-l"]]) {
    const { success } = await new Deno.Command("umount", {
      args: [...flags, path],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    if (success) return;
  }
  throw new Error(`cannot unmount ${path}`);
}
