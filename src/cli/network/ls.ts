// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withJson, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { boldHeader, print, printJson, printStderr, screenWidth } from "../text/print.ts";
import { formatTable } from "../text/table.ts";

/** `berth network ls` */
export function listNetworksCommand(): Command {
  return withJson(
    withSocket(verb("ls", "List networks and the containers in them", "berth network ls")),
  )
    .option("-q, --quiet", "only names")
    .action(async (options: { json?: true; quiet?: true }, command: Command) => {
      await withDaemon(command, async (daemon) => {
        const { networks, unusable = [] } = await daemon.call("network.list", {});
        for (const { file, reason } of unusable) {
          printStderr(`berth: ${file} cannot be used: ${reason}`);
        }
        if (options.quiet) return networks.forEach(({ name }) => print(name));
        if (options.json) return networks.forEach(printJson);
        const rows = networks.map(({ name, plugins, missing, containers, file }) => [
          name,
          plugins.join(","),
          missing.length === 0 ? "ready" : `needs ${missing.join(",")}`,
          containers.map(({ id }) => id).join(",") || "-",
          file ?? "-",
        ]);
        const headers = ["NAME", "PLUGINS", "STATUS", "CONTAINERS", "FILE"];
        formatTable(headers, rows, { width: screenWidth(), style: boldHeader }).forEach(print);
      });
    });
}
