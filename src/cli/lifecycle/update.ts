// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { forEachId } from "../common/each.ts";
import { CliError } from "../common/exit_status.ts";
import { type ResourceOptions, resourcesFrom, withResources } from "../options/resources.ts";
import { print } from "../text/print.ts";

/** `berth update` */
export function updateCommand(): Command {
  return withSocket(withResources(verb(
    "update",
    "Change the resource limits of containers",
    "berth update --memory 128m --pids 50 web",
  )))
    .argument("<id...>", "containers")
    .action(async (ids: string[], options: ResourceOptions, command: Command) => {
      const resources = resourcesFrom(options);
      if (Object.keys(resources).length === 0) {
        throw new CliError("nothing to update: give at least one limit, such as --memory 128m");
      }
      await withDaemon(command, async (daemon) => {
        await forEachId(ids, async (id) => {
          await daemon.call("container.update", { id, resources: { ...resources } });
          print(id);
        });
      });
    });
}
