// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { actOnEach } from "../common/ids.ts";
import { CliError } from "../common/exit_status.ts";
import { parseRestart, RESTART_FLAG } from "../options/stop_and_restart.ts";
import type { RestartPolicy } from "../../rpc/contract/schemas.ts";
import { type ResourceOptions, resourcesFrom, withResources } from "../options/resources.ts";
import { VERBS } from "../text/verb_table.ts";

interface UpdateFlags extends ResourceOptions {
  readonly restart?: RestartPolicy;
}

/** `berth update` */
export function updateCommand(): Command {
  return withSocket(withResources(verb(
    "update",
    VERBS.update.summary,
    "berth update --memory 128m --pids-limit 50 web",
    "berth update --restart unless-stopped web",
  )))
    .option(RESTART_FLAG, "when to restart the container", parseRestart)
    .argument("<id...>", "containers")
    .action(async (ids: string[], options: UpdateFlags, command: Command) => {
      const { restart } = options;
      const limits = resourcesFrom(options);
      const resources = Object.keys(limits).length > 0 ? { ...limits } : undefined;
      if (resources === undefined && restart === undefined) {
        throw new CliError("nothing to update: give at least one limit, such as --memory 128m");
      }
      await actOnEach(
        command,
        ids,
        (daemon, id) => daemon.call("container.update", { id, resources, restart }),
      );
    });
}
