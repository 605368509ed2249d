// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { forEachId } from "../common/ids.ts";
import { CliError } from "../common/exit_status.ts";
import { attach } from "../container/attach.ts";
import { detachKeysOf, withDetachKeys } from "../process_io/detach_keys.ts";
import { exitAfter } from "../process_io/session.ts";
import { print } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

interface StartFlags {
  readonly attach?: true;
  readonly interactive?: true;
  readonly detachKeys?: string;
}

/** `berth start` */
export function startCommand(): Command {
  return withDetachKeys(withSocket(verb(
    "start",
    VERBS.start.summary,
    "berth start web",
    "berth start -ai shell",
  )))
    .option("-a, --attach", "attach to the container and wait for its exit")
    .option("-i, --interactive", "pass standard input on; with --attach")
    .argument("<id...>", "containers")
    .action(async (ids: string[], options: StartFlags, command: Command) => {
      const detachKeys = detachKeysOf(options.detachKeys);
      await withDaemon(command, async (daemon) => {
        const start = async (id: string, signal?: AbortSignal) => {
          await daemon.call("container.start", { id }, { signal });
        };
        if (!options.attach && !options.interactive) {
          return await forEachId(ids, async (id) => {
            await start(id);
            print(id);
          });
        }
        const [id = "", ...others] = ids;
        if (others.length > 0) throw new CliError("--attach takes one container");
        const { root } = await daemon.call("daemon.info", {});
        const state = await daemon.call("container.state", { id });
        const end = await attach(daemon, root, state, {
          stdin: options.interactive ?? false,
          detachKeys,
          start: (giveUp) => start(id, giveUp),
        });
        exitAfter(end, { id });
      });
    });
}
