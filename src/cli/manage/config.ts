// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb } from "../common/command.ts";
import { type ConfigFlags, withConfigFlags } from "../../daemon_command.ts";
import type { DaemonProgram } from "../common/daemon_program.ts";
import { print } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth config` */
export function configCommand(program: DaemonProgram): Command {
  return withConfigFlags(verb(
    "config",
    VERBS.config.summary,
    "berth config",
    "berth config --config ./berth.toml --state /tmp/berth",
  ))
    .action(async (flags: ConfigFlags) => {
      print((await program.formatConfig(flags)).trimEnd());
    });
}
