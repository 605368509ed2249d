// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { filePath } from "../../oci/bundle_layout.ts";
import { verb, withSocket } from "../common/command.ts";
import { Daemon } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { parseWhole } from "../container/resources.ts";
import { tailOffset } from "../common/tail.ts";
import { FileOutput, PTY_LINGER_MS } from "../process_io/output.ts";

interface LogsOptions {
  readonly follow?: true;
  readonly tail?: number;
}

/** `berth logs` */
export function logsCommand(): Command {
  return withSocket(verb(
    "logs",
    "Print what a detached container has written",
    "berth logs web",
    "berth logs -f --tail 10 web",
  ))
    .option("-f, --follow", "go on with what it writes, until it exits")
    .option("-n, --tail <lines>", "only the last lines", parseWhole(0))
    .argument("<id>", "container")
    .action(async (id: string, options: LogsOptions, command: Command) => {
      using daemon = await Daemon.connect(command.optsWithGlobals<{ socket: string }>().socket);
      const state = await daemon.call("container.state", { id });
      const path = filePath(state.stdout);
      if (path === undefined) {
        throw new CliError(
          `${id} keeps no log: only containers made with "berth run -d" or "berth create" do`,
        );
      }
      using file = await Deno.open(path, { read: true });
      if (options.tail !== undefined) {
        await file.seek(await tailOffset(file, options.tail), Deno.SeekMode.Start);
      }
      const linger = state.terminal && state.status !== "stopped" ? PTY_LINGER_MS : 0;
      const output = new FileOutput(file, path, Deno.stdout, options.follow ? linger : 0);
      if (options.follow) {
        await Promise.race([
          output.ended,
          daemon.callAcrossRestarts("container.wait", { id }),
        ]);
      }
      await output.drain();
    });
}
