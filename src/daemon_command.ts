// SPDX-License-Identifier: MIT
// The flags of the daemon, for the daemon itself and for the command line's help.
import { Command } from "commander";

/** The flags that override the config file. Relative paths start at the working directory. */
export interface ConfigFlags {
  /** The config file, which must exist. */
  readonly config?: string;
  readonly state?: string;
  readonly root?: string;
  readonly socket?: string;
  readonly logLevel?: string;
}

/** The flags of the daemon. */
export interface DaemonFlags extends ConfigFlags {
  /** Print the systemd unit instead of running. */
  readonly printUnit?: boolean;
}

/** Adds the flags of {@linkcode ConfigFlags} to a command. */
export function withConfigFlags(command: Command): Command {
  return command
    .option("--config <file>", "config file (default: /etc/berth/config.toml if it is there)")
    .option("--state <dir>", "state directory")
    .option("--root <dir>", "directory of logs and checkpoints")
    .option("--socket <path>", "socket to listen on")
    .option("--log-level <level>", "debug, info, warning, error or fatal");
}

/** Returns the `daemon` command, for its flags, its help and the command line reference. */
export function daemonRoleCommand(run: (flags: DaemonFlags) => Promise<void>): Command {
  const command = new Command("berth daemon")
    .summary("run the daemon")
    .description("Runs the berth daemon in the foreground until SIGTERM or SIGINT.");
  return withConfigFlags(command)
    .option("--print-unit", "print a systemd unit for this daemon and exit")
    .addHelpText("after", "\nExample:\n  berth daemon --config /etc/berth/config.toml\n")
    .action(async (flags: DaemonFlags) => await run(flags));
}
