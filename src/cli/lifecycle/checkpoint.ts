// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { UnavailableError } from "../../rpc/errors.ts";
import { parsePath, verb, withSocket } from "../common/command.ts";
import { makeAbsolute } from "../../linux/fs/path_names.ts";
import { isShimConnecting, withDaemon } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { saveForRestore } from "../create/restore_record.ts";
import { print } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

interface CheckpointFlags {
  readonly path?: string;
  readonly exit?: true;
}

/** CRIU's log in a checkpoint's directory. */
const CRIU_LOG = "dump.log";

/** `berth checkpoint` */
export function checkpointCommand(): Command {
  return withSocket(verb(
    "checkpoint",
    VERBS.checkpoint.summary,
    "berth checkpoint --exit web",
    "berth restore web",
  ))
    .option(
      "--path <dir>",
      "directory of the checkpoint; default: <root>/checkpoints/<id>",
      parsePath,
    )
    .option("--exit", "stop the container afterwards")
    .argument("<id>", "container")
    .action(async (id: string, options: CheckpointFlags, command: Command) => {
      await withDaemon(command, async (daemon) => {
        const { root } = await daemon.call("daemon.info", {});
        const path = makeAbsolute(options.path ?? `${root}/checkpoints/${id}`);
        const state = await daemon.call("container.state", { id });
        await makeDirectory(id, path);
        try {
          saveForRestore(path, state);
          await daemon.call("container.checkpoint", { id, path, exit: options.exit });
        } catch (error) {
          // It is not known to have failed: the runtime may still write, and succeed.
          if (error instanceof UnavailableError && !isShimConnecting(error)) {
            throw new CliError(unknownEnd(id, path, error), { cause: error });
          }
          await removeAllButLog(path);
          throw error;
        }
        print(path);
      });
    });
}

/** Returns the message for a checkpoint whose end is not known. */
function unknownEnd(id: string, path: string, error: Error): string {
  return `checkpoint of ${id}: ${error.message}; it may still succeed, so ${path} is kept: ` +
    `"berth events --after 0 --id ${id}" tells whether it was checkpointed, "berth ps" whether it runs`;
}

/**
 * Makes the directory, or takes one that is empty but for the log of a failure. What else is there
 * may be a checkpoint, which one that fails would ruin.
 */
async function makeDirectory(id: string, path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  if ((await namesIn(path)).every((name) => name === CRIU_LOG)) return;
  throw new CliError(
    `cannot checkpoint ${id}: ${path} is not empty, and what is there would be lost: ` +
      "remove it, or name another directory by --path",
  );
}

/** Removes what a failed checkpoint has left but for CRIU's log, which its error may name. */
async function removeAllButLog(path: string): Promise<void> {
  const names = await namesIn(path);
  for (const name of names) {
    if (name !== CRIU_LOG) await Deno.remove(`${path}/${name}`, { recursive: true });
  }
  if (!names.includes(CRIU_LOG)) await Deno.remove(path);
}

function namesIn(path: string): Promise<string[]> {
  return Array.fromAsync(Deno.readDir(path), ({ name }) => name);
}
