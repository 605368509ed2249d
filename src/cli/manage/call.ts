// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { parseParams, printRpcError } from "../common/rpc_json.ts";
import { printJson } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth call` */
export function callCommand(): Command {
  return withSocket(
    verb(
      "call",
      VERBS.call.summary,
      "berth call daemon.info",
      `berth call container.state '{"id":"web"}'`,
      `berth call rpc.discover`,
    ),
  )
    .argument("<method>", "the method's name")
    .argument("[params]", "its params, a JSON object; - reads them from standard input", "{}")
    .action(async (method: string, params: string, _options: unknown, command: Command) => {
      const parsed = await parseParams(params);
      await withDaemon(command, async (daemon) => {
        await daemon.peer.call(method, parsed).then(printJson, printRpcError);
      });
    });
}
