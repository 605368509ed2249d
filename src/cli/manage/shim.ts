// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { parsePath, verb } from "../common/command.ts";
import { dialFor } from "../common/daemon.ts";
import { parseParams, printRpcError } from "../common/rpc_json.ts";
import { printJson } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth shim`: the verbs for people; `shim serve` is the shim itself, which `main.ts` starts. */
export function shimCommand(): Command {
  return verb(
    "shim",
    VERBS.shim.summary,
    "berth shim state --bundle /run/berth/linux/web",
    `berth shim kill --bundle /run/berth/linux/web '{"signal":"TERM"}'`,
  )
    .requiredOption("--bundle <dir>", "the container's bundle directory", parsePath)
    .argument("<verb>", "connect, state, pids, kill, wait, … or events to follow them")
    .argument("[params]", "its params, a JSON object; - reads them from standard input", "{}")
    .action(async (name: string, params: string, options: { bundle: string }) => {
      const parsed = await parseParams(params);
      const socket = `${options.bundle.replace(/\/+$/, "")}/shim.sock`;
      using peer = await dialFor(socket, `no shim listens on ${socket}`);
      try {
        if (name !== "events") return printJson(await peer.call(`shim.${name}`, parsed));
        peer.onNotification("shim.event", printJson);
        await peer.call("shim.events", { after: 0, ...parsed });
        await peer.closed;
      } catch (error) {
        printRpcError(error);
      }
    });
}
