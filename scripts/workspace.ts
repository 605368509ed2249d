// SPDX-License-Identifier: MIT
import { baseName, RUN_VARIABLE, uniqueName } from "../tests/harness/run.ts";
import { KEEP_VARIABLE, keepsFiles } from "../tests/harness/keep_files.ts";
import { sweep } from "../tests/harness/leaks/sweep.ts";
import { bundle, type BundleOptions } from "./build/bundle.ts";
import { writeLauncher } from "./build/launcher.ts";

/**
 * A directory for all that a script starts, with what has to go when it ends, however it ends: on
 * disposal the processes, mounts, cgroups and files that have to do with it are ended and removed.
 */
export class Workspace implements AsyncDisposable {
  /** The directory, below /tmp so that paths of sockets in it stay short. */
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /**
   * Makes the directory, or takes the one that who started the script has named in order to look
   * after what it leaves. The test harness puts everything below it from here on.
   */
  static async open(prefix: string): Promise<Workspace> {
    const dir = Deno.env.get(RUN_VARIABLE) || `/tmp/${uniqueName(prefix)}`;
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    Deno.env.set(RUN_VARIABLE, dir);
    return new Workspace(dir);
  }

  /** Bundles berth into the directory `program` of it; returns the path of a file that runs it. */
  async bundle(options: Omit<BundleOptions, "outDir">): Promise<string> {
    return await writeLauncher(await bundle({ ...options, outDir: `${this.dir}/program` }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await sweep({ dir: this.dir, cgroup: baseName(this.dir), keepFiles: keepsFiles() });
    if (keepsFiles()) console.error(`${KEEP_VARIABLE}: what was made is in ${this.dir}`);
  }
}
