// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb } from "./common/command.ts";

/** `berth config` */
export function configCommand(): Command {
  return verb(
    "config",
    "Print the daemon's config as it would be used, as TOML",
    "berth config --config ./berth.toml",
  )
    .option("--config <file>", "config file (default: /etc/berth/config.toml if it is there)")
    .action(async (options: { config?: string }) => {
      const { formatConfig, loadConfig } = await import("../runtime/config.ts");
      console.log(formatConfig(loadConfig(options)).trimEnd());
    });
}
