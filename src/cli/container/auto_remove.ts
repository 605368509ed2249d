// SPDX-License-Identifier: MIT
import type { DaemonProgram } from "../common/daemon_program.ts";
import type { ContainerRef } from "./remove.ts";

/**
 * Starts a process of its own that waits for the container to exit and then removes it: for `--rm`
 * where this command does not stay until then. Another container that has the id by then stays.
 */
export async function removeLater(
  program: DaemonProgram,
  socket: string,
  made: ContainerRef,
): Promise<void> {
  const [command = Deno.execPath(), ...args] = await program.selfCommand();
  const child = new Deno.Command(command, {
    args: [
      ...args,
      ...["rm", "--after-exit", "--made", JSON.stringify(made), "--socket", socket, made.id],
    ],
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  child.unref();
}
