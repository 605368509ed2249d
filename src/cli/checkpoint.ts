// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "./common/command.ts";
import { absolute } from "./common/container_options.ts";
import { Daemon } from "./common/daemon.ts";
import { saveForRestore } from "./common/restore_record.ts";
import { print } from "./text/print.ts";

interface CheckpointOptions {
  readonly path?: string;
  readonly exit?: true;
}

/** `berth checkpoint` */
export function checkpointCommand(): Command {
  return withSocket(verb(
    "checkpoint",
    "Write a running container's state to disk through CRIU",
    "berth checkpoint --exit web",
    "berth restore web",
  ))
    .option("--path <dir>", "where to; <root>/checkpoints/<id> when left out")
    .option("--exit", "stop the container afterwards")
    .argument("<id>", "container")
    .action(async (id: string, options: CheckpointOptions, command: Command) => {
      using daemon = await Daemon.connect(command.optsWithGlobals<{ socket: string }>().socket);
      const { root } = await daemon.call("daemon.info", {});
      const path = absolute(options.path ?? `${root}/checkpoints/${id}`);
      const state = await daemon.call("container.state", { id });
      const made = await makeDirectory(path);
      try {
        await saveForRestore(path, state);
        await daemon.call("container.checkpoint", {
          id,
          path,
          ...(options.exit && { exit: true }),
        });
      } catch (error) {
        if (made) await Deno.remove(path, { recursive: true });
        throw error;
      }
      print(path);
    });
}

/** Makes the directory; false where it was there. */
async function makeDirectory(path: string): Promise<boolean> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")) || "/", { recursive: true, mode: 0o700 });
  try {
    await Deno.mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}
