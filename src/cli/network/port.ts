// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import type { PortState } from "../../rpc/contract/schemas/network.ts";
import { verb, withJson, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { print, printJson } from "../text/print.ts";
import { hostsOf } from "./port_text.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth port` */
export function portCommand(): Command {
  return withJson(withSocket(verb(
    "port",
    VERBS.port.summary,
    "berth port web",
    "berth port web 80/tcp",
  )))
    .argument("<id>", "container")
    .argument("[port]", "only this port of the container: 80, or 53/udp")
    .action(
      async (id: string, port: string | undefined, options: { json?: true }, command: Command) => {
        const { json } = options;
        await withDaemon(command, async (daemon) => {
          const { network } = await daemon.call("container.state", { id });
          const ports = (network?.ports ?? []).filter((each) => isPort(each, port));
          if (port !== undefined && ports.length === 0) {
            throw new CliError(`no port of the host leads to port ${port} of ${id}`);
          }
          if (json) return ports.forEach(printJson);
          if (network === undefined) return;
          for (const each of ports) {
            const name = port === undefined ? `${each.containerPort}/${each.protocol} -> ` : "";
            hostsOf(each, network).forEach((host) => print(`${name}${host}`));
          }
        });
      },
    );
}

function isPort({ containerPort, protocol }: PortState, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  return wanted === `${containerPort}/${protocol}` ||
    (wanted === String(containerPort) && protocol === "tcp");
}
