// SPDX-License-Identifier: MIT
import type { ConfigFlags } from "../../daemon_command.ts";

/**
 * The daemon's side of the program, as far as the command line needs it. `main.ts` hands it in, so
 * that the command line does not import the daemon.
 */
export interface DaemonProgram {
  /** Runs `berth daemon` with these arguments and returns its exit status. */
  run(args: string[]): Promise<number>;
  /** Returns the config that a daemon with these flags would use, as TOML. */
  formatConfig(flags: ConfigFlags): Promise<string>;
  /** Returns the text of the file that containerd calls as its shim. */
  containerdLauncher(options: { readonly waiting: boolean }): Promise<string>;
  /** Returns the command that runs this very program; arguments are added to it. */
  selfCommand(): Promise<string[]>;
}
