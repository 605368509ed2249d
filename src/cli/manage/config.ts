// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb } from "../common/command.ts";
import type { ConfigFlags } from "../../daemon_command.ts";
import type { DaemonProgram } from "../common/daemon_program.ts";
import { print } from "../text/print.ts";

/** `berth config` */
export function configCommand(program: DaemonProgram): Command {
  return verb(
    "config",
    "Print the configuration that the daemon would use, as TOML",
    "berth config",
    "berth config --config ./berth.toml --state /tmp/berth",
  )
    .option("--config <file>", "config file (default: /etc/berth/config.toml if it is there)")
    .option("--state <dir>", "state directory")
    .option("--root <dir>", "directory of logs and checkpoints")
    .option("--socket <path>", "socket to listen on")
    .option("--log-level <level>", "debug, info, warning, error or fatal")
    .action(async (flags: ConfigFlags) => {
      print((await program.formatConfig(flags)).trimEnd());
    });
}
