// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { parsePath, verb, withSocket } from "../common/command.ts";
import { makeAbsolute } from "../../linux/fs/path_names.ts";
import { withDaemon } from "../common/daemon.ts";
import { Interruption, leave } from "../common/interruptible.ts";
import { createDetached } from "../create/create_container.ts";
import { removeWithFiles } from "../container/remove.ts";
import { readForRestore, restoreParams } from "../create/restore_record.ts";
import { print } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

interface RestoreFlags {
  readonly path?: string;
  readonly interactive?: true;
}

/** `berth restore` */
export function restoreCommand(): Command {
  return withSocket(verb(
    "restore",
    VERBS.restore.summary,
    "berth restore web",
    "berth restore --path /var/lib/berth/checkpoints/web web2",
  ))
    .option(
      "--path <dir>",
      "directory of the checkpoint; default: <root>/checkpoints/<id>",
      parsePath,
    )
    .option("-i, --interactive", "keep standard input open, for berth attach")
    .argument("<new-id>", "container to make")
    .action(async (id: string, options: RestoreFlags, command: Command) => {
      await withDaemon(command, async (daemon) => {
        const { root } = await daemon.call("daemon.info", {});
        const path = makeAbsolute(options.path ?? `${root}/checkpoints/${id}`);
        const record = readForRestore(path);
        using interruption = new Interruption(leave);
        const { signal } = interruption;
        const interactive = options.interactive ?? record.interactive ?? false;
        const wanted = { name: id, interactive, giveUp: signal };
        await createDetached(daemon, root, wanted, (id, held) => {
          signal.throwIfAborted();
          return { id, ...restoreParams(root, id, record, held), checkpoint: path };
        });
        try {
          await daemon.call("container.start", { id }, { signal });
          signal.throwIfAborted();
        } catch (error) {
          await removeWithFiles(daemon, root, id, true);
          throw error;
        }
        print(id);
      });
    });
}
