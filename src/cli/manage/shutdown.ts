// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { NotFoundError } from "../../rpc/errors.ts";
import { verb, withSocket } from "../common/command.ts";
import { type DaemonConnection, withDaemon } from "../common/daemon.ts";
import { exitCodeOf } from "../common/exit_status.ts";
import { listAllContainers } from "../common/containers.ts";
import { print, printError } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth shutdown` */
export function shutdownCommand(): Command {
  return withSocket(verb(
    "shutdown",
    VERBS.shutdown.summary,
    "berth shutdown",
  ))
    .option("--if-system-stopping", "only if systemd is shutting the machine down")
    .action(async (options: { ifSystemStopping?: true }, command: Command) => {
      if (options.ifSystemStopping && !await isSystemStopping()) return;
      await withDaemon(command, async (daemon) => {
        const all = await listAllContainers(daemon);
        // All at once: each has its own time to end, and the machine waits for the longest only.
        await Promise.all(all.map(({ id }) => shutDown(daemon, id)));
      });
    });
}

/**
 * Stops a container. One with a restart policy is kept, and comes back with the machine if its policy
 * says so. Any other is deleted with its log; its other files in the daemon's root directory stay.
 */
async function shutDown(daemon: DaemonConnection, id: string): Promise<void> {
  try {
    await daemon.call("container.stop", { id, shutdown: true });
    const { restart } = await daemon.call("container.state", { id });
    if (restart === undefined) await daemon.call("container.delete", { id, force: true });
    print(id);
  } catch (error) {
    if (error instanceof NotFoundError) return;
    printError(error);
    Deno.exitCode = exitCodeOf(error);
  }
}

/** Returns whether systemd is stopping the machine (systemctl(1), is-system-running). */
async function isSystemStopping(): Promise<boolean> {
  try {
    const { stdout } = await new Deno.Command("systemctl", {
      args: ["is-system-running"],
      stdin: "null",
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout).trim() === "stopping";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
