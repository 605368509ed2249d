// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb } from "../common/command.ts";
import { type ConfigFlags, withConfigFlags } from "../../daemon_command.ts";
import type { DaemonProgram } from "../common/daemon_program.ts";
import { print } from "../text/print.ts";

/** `berth config` */
export function configCommand(program: DaemonProgram): Command {
  return withConfigFlags(verb(
    "config",
    "Print the configuration that the daemon would use, as TOML",
    "berth config",
    "berth config --config ./berth.toml --state /tmp/berth",
  ))
    .action(async (flags: ConfigFlags) => {
      print((await program.formatConfig(flags)).trimEnd());
    });
}
